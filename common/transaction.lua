-- What use.lua and issue.lua share; pass_store.py inserts it after the first line of each.
--
-- A server that refuses writes refuses such a script as a whole, because its first line is #!lua. But nothing is rolled
-- back. So it reads, decides, and lists what is to be done with publish and write; commit asks whether this user may do
-- it all, then does it. A change to a pass comes after its event: a journal that takes no entry stops everything.
--
-- KEYS     the card's pass (a hash), the receipt of this tap or sale (a string), the journal (a stream)
-- ARGV     this device's name, the journal's length, the lifetime of a receipt in seconds
-- Errors   NOPERM: a right is missing; MISMATCH: the receipt is another card's
-- Offers   card, is_repeat, last_outcome, read, write, publish, commit

local card, receipt, journal = KEYS[1], KEYS[2], KEYS[3]
local device, journal_length, receipt_lifetime = ARGV[1], ARGV[2], ARGV[3]
local writes = {}
local now_ms -- Unix time by the server's clock, asked for once

-- The hash as a table; nil if there is none; empty if the key is of another type.
local function read(key)
  local fields = redis.pcall('HGETALL', key)
  if fields.err then
    return fields.err:find('^WRONGTYPE') and {} or error(fields)
  end
  local hash
  for i = 1, #fields, 2 do
    hash = hash or {}
    hash[fields[i]] = fields[i + 1]
  end
  return hash
end

local function write(...)
  writes[#writes + 1] = {...}
end

local function publish(channel, event)
  if not now_ms then
    local time = redis.call('TIME')
    now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
  end
  event.at = now_ms
  event.device = device
  event.cardSerialNumber = card
  local payload = cjson.encode(event)
  write('XADD', journal, 'MAXLEN', '~', journal_length, '*', 'channel', channel, 'payload', payload)
  write('PUBLISH', channel, payload)
end

-- The receipt is written even if it is the same: WAIT then covers the change that it records.
local function commit(outcome)
  write('SETEX', receipt, receipt_lifetime, card .. ' ' .. outcome)
  for _, command in ipairs(writes) do
    if not redis.acl_check_cmd(unpack(command)) then
      return redis.error_reply('NOPERM this user may not ' .. command[1] .. ' ' .. command[2])
    end
  end
  local reply
  for _, command in ipairs(writes) do
    if command[1] == 'PUBLISH' then -- the XADD before it has answered with the event's id
      command[3] = command[3]:sub(1, -2) .. ',"id":"' .. reply .. '"}'
    end
    reply = redis.call(unpack(command))
  end
  return outcome
end

local is_repeat = redis.call('GET', receipt)
local last_card, last_outcome = (is_repeat or ''):match('^(%d+) (%S+)$')
if is_repeat and last_card ~= card then
  return redis.error_reply('MISMATCH this id belongs to a tap or sale of another card')
end

