-- What use.lua, issue.lua and reverse.lua share; scripts.py inserts it after the first line of each.
--
-- A server that refuses writes refuses such a script as a whole, because its first line is #!lua. But nothing is rolled
-- back. So it reads, decides, and lists what is to be done with publish and write, which ask whether this user may do it;
-- commit does it all, or nothing. The first write of an event is its XADD, before any change to a pass: a journal that
-- takes no entry, or not from this user, stops everything.
--
-- A device numbers the requests of its session, and at most one of them is unsettled. The receipt keeps the last one as
-- '<number> <card> <outcome> <pass type>', so that a request that comes twice, or late, changes nothing.
--
-- Each tap runs this, and one Redis runs all taps: numbers that Redis or an event gets stay text, since Lua is slow to
-- write them, and an event is put together from its members, of which cjson writes each text that is not our own.
--
-- KEYS     the card's pass (a hash), the session's receipt (a string), the journal (a stream), the card's used-up pass
-- ARGV     this device's name, the journal's length, the number of this request in its session
-- Answers  stale, if the receipt has a higher number
-- Errors   NOPERM: a right is missing; MISMATCH: the receipt has this number for another card
-- Offers   card, receipt, spent, number, is_repeat, last_outcome, last_type, HOUR, json, read, trips_of, write, publish, commit

local card, receipt, journal, spent = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local device, journal_length, number = ARGV[1], ARGV[2], ARGV[3]
local HOUR, WEEK = '3600', '604800' -- seconds: how long a used-up pass and a receipt are kept
local json = cjson.encode
local events, writes = {}, {}
local refused -- the first command that this user may not run

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

-- The trips of a ten-trip pass, as text; nil if they make no sense. Strict, because HINCRBY would refuse anything else
-- after the event. Lua is exact with 12 digits.
local function trips_of(pass)
  local trips = (pass.tripsRemaining or ''):match('^[1-9]%d*$')
  return trips and #trips <= 12 and trips or nil
end

local function write(...)
  if not redis.acl_check_cmd(...) then
    refused = refused or table.concat({...}, ' ', 1, 2)
  end
  writes[#writes + 1] = {...}
end

-- The members are JSON; those that all events have are added.
local function publish(channel, members)
  if not redis.acl_check_cmd('PUBLISH', channel, '') then
    refused = refused or 'PUBLISH ' .. channel
  end
  events[#events + 1] = {channel, members}
end

local function commit_events()
  local time = redis.call('TIME')
  local at = time[1] .. ('00000' .. time[2]):sub(-6, -4) -- in milliseconds, by the server's clock
  local origin = ',"at":' .. at .. ',"device":' .. json(device) .. ',"cardSerialNumber":' .. json(card)
  for i = 1, #events do
    local channel, members = events[i][1], events[i][2]
    local id = redis.call('XADD', journal, 'MAXLEN', '~', journal_length, '*',
                          'channel', channel, 'payload', '{' .. members .. origin .. '}')
    redis.call('PUBLISH', channel, '{' .. members .. origin .. ',"id":"' .. id .. '"}')
  end
end

-- The receipt is written even if it is the same: WAIT then covers the change that it records.
local function commit(outcome, pass_type)
  write('SETEX', receipt, WEEK, number .. ' ' .. card .. ' ' .. outcome .. ' ' .. (pass_type or '-'))
  if refused then
    return redis.error_reply('NOPERM this user may not ' .. refused)
  elseif events[1] then
    commit_events()
  end
  for i = 1, #writes do
    redis.call(unpack(writes[i]))
  end
  return outcome
end

local last = redis.call('GET', receipt) or '0 - - -'
local last_number = last:match('^(%d+) ')
local is_repeat = last_number == number
local last_card, last_outcome, last_type
if is_repeat then
  last_card, last_outcome, last_type = last:match('^%d+ (%S+) (%S+) (%S+)$')
end
if not last_number or is_repeat and last_card ~= card then
  return redis.error_reply('MISMATCH the receipt tells of another request')
elseif tonumber(last_number) > tonumber(number) then
  return 'stale'
end
