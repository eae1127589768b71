-- What use.lua, issue.lua and reverse.lua share; scripts.py inserts it after the first line of each.
--
-- A server that refuses writes refuses such a script as a whole, because its first line is #!lua. But nothing is rolled
-- back. So it reads, decides, and lists what is to be done with publish and write; commit asks whether this user may do
-- it all, then does it. A change to a pass comes after its event: a journal that takes no entry stops everything.
--
-- A device numbers the requests of its session, and at most one of them is unsettled. The receipt keeps the last one as
-- '<number> <card> <outcome> <pass type>', so that a request that comes twice, or late, changes nothing.
--
-- KEYS     the card's pass (a hash), the session's receipt (a string), the journal (a stream), the card's used-up pass
-- ARGV     this device's name, the journal's length, the number of this request in its session
-- Answers  stale, if the receipt has a higher number
-- Errors   NOPERM: a right is missing; MISMATCH: the receipt has this number for another card
-- Offers   card, receipt, spent, number, is_repeat, last_outcome, last_type, HOUR, read, trips_of, write, publish, commit

local card, receipt, journal, spent = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local device, journal_length, number = ARGV[1], ARGV[2], tonumber(ARGV[3])
local HOUR, WEEK = 3600, 604800 -- seconds: how long a used-up pass and a receipt are kept
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

-- The trips of a ten-trip pass; nil if they make no sense. Strict, because HINCRBY would refuse anything else after the
-- event. Lua is exact with 12 digits.
local function trips_of(pass)
  local trips = (pass.tripsRemaining or ''):match('^[1-9]%d*$')
  return trips and #trips <= 12 and tonumber(trips) or nil
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
local function commit(outcome, pass_type)
  write('SETEX', receipt, WEEK, ('%d %s %s %s'):format(number, card, outcome, pass_type or '-'))
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

local last = redis.call('GET', receipt) or '0 - - -'
local last_number, last_card, last_outcome, last_type = last:match('^(%d+) (%S+) (%S+) (%S+)$')
local is_repeat = tonumber(last_number) == number
if not last_number or is_repeat and last_card ~= card then
  return redis.error_reply('MISMATCH the receipt tells of another request')
elseif tonumber(last_number) > number then
  return 'stale'
end
