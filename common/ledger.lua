-- What use_pass.lua and issue_pass.lua share; pass_store.py puts it before each of them.
--
-- KEYS  the card's pass (a hash), the receipt of this tap or sale (a string), the journal (a stream)
-- ARGV  this device's name, the journal's length, the lifetime of a receipt in seconds
--
-- A script is not rolled back. So it reads, and then goes through its writes twice: first to ask whether this user may
-- make them all, then to make them. The first is always the XADD: a server that refuses writes (memory, disk, a
-- replica) refuses that one.

local card, receipt, journal = KEYS[1], KEYS[2], KEYS[3]
local device, journal_length, receipt_lifetime = ARGV[1], ARGV[2], ARGV[3]

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)

-- An event's id is its time, to the microsecond. Ids rise even where the clock was set back.
local id_ms, id_sequence = now_ms, time[2] % 1000
local ahead = redis.call('XREVRANGE', journal, '+', id_ms .. '-' .. id_sequence, 'COUNT', 1)[1]
if ahead then
  id_ms, id_sequence = ahead[1]:match('^(%d+)-(%d+)$')
  id_sequence = id_sequence + 1
end

local events = {}

local function record(channel, event)
  event.id = id_ms .. '-' .. id_sequence
  event.at = now_ms
  event.device = device
  event.cardSerialNumber = card
  events[#events + 1] = {id = event.id, channel = channel, payload = cjson.encode(event)}
  id_sequence = id_sequence + 1
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

local function ask(command, key, ...)
  if not redis.acl_check_cmd(command, key, ...) then
    error({err = 'NOPERM this user may not ' .. command .. ' ' .. key})
  end
end

-- Ends the script: `change` is a function that makes the writes to the pass with the function that it is given.
local function conclude(outcome, change)
  for _, write in ipairs({ask, redis.call}) do
    for _, event in ipairs(events) do
      write('XADD', journal, 'MAXLEN', '~', journal_length, event.id, 'channel', event.channel, 'payload', event.payload)
      write('PUBLISH', event.channel, event.payload)
    end
    if change then
      change(write)
    end
    write('SETEX', receipt, receipt_lifetime, card .. ' ' .. outcome)
  end
  return outcome
end
