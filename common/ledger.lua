-- What use_pass.lua and issue_pass.lua share; pass_store.py puts it before each of them.
--
-- KEYS  the card's pass (a hash), the receipt of this tap or sale (a string), the journal (a stream)
-- ARGV  this device's name, the journal's length, the lifetime of a receipt in seconds
--
-- A script is not rolled back. So it reads, then plans its writes, then checks them all, and only then makes them.
-- The first is always the XADD: a server that refuses writes (memory, disk, a replica) refuses that one.

local card, receipt, journal = KEYS[1], KEYS[2], KEYS[3]
local device, journal_length, receipt_lifetime = ARGV[1], ARGV[2], ARGV[3]

local writes = {}

local function plan(...)
  writes[#writes + 1] = {...}
end

-- The answer that this tap or sale has had already, or nil.
local function earlier_outcome()
  local kept = redis.call('GET', receipt)
  if not kept then
    return nil
  end
  local its_card, outcome = kept:match('^(%d+) (%S+)$')
  if its_card ~= card then
    error({err = 'MISMATCH this id belongs to a tap or sale of another card'})
  end
  -- A write, so that whoever waits for the replicas waits for all that came before it, too.
  redis.call('EXPIRE', receipt, receipt_lifetime)
  return outcome
end

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local newest_id = (redis.call('XREVRANGE', journal, '+', '-', 'COUNT', 1)[1] or {'0-0'})[1]
local id_ms, id_sequence = newest_id:match('^(%d+)-(%d+)$')
id_ms, id_sequence = tonumber(id_ms), tonumber(id_sequence)

-- The journal's ids rise even where the clock was set back.
local function next_event_id()
  if now_ms > id_ms then
    id_ms, id_sequence = now_ms, 0
  else
    id_sequence = id_sequence + 1
  end
  return id_ms .. '-' .. id_sequence
end

local function record(channel, event)
  event.id = next_event_id()
  event.at = now_ms
  event.device = device
  event.cardSerialNumber = card
  local payload = cjson.encode(event)
  plan('XADD', journal, 'MAXLEN', '~', journal_length, event.id, 'channel', channel, 'payload', payload)
  plan('PUBLISH', channel, payload)
end

local function conclude(outcome)
  plan('SETEX', receipt, receipt_lifetime, card .. ' ' .. outcome)
  for _, write in ipairs(writes) do
    if not redis.acl_check_cmd(unpack(write)) then
      error({err = 'NOPERM this user may not ' .. write[1] .. ' ' .. write[2]})
    end
  end
  for _, write in ipairs(writes) do
    redis.call(unpack(write))
  end
  return outcome
end
