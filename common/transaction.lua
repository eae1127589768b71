-- How use.lua, issue.lua, reverse.lua and change.lua begin; scripts.py puts this after the first line of each, and
-- commit.lua at its end.
--
-- A server that refuses writes refuses such a script as a whole, because its first line is #!lua. But nothing is rolled
-- back. So it reads, decides, and lists what is to be done; commit.lua asks whether this user may, then does it.
--
-- A device numbers the requests of its session, and at most one of them is unsettled. The receipt keeps the last one as
-- '<number> <card> <outcome> <pass type>', so that a request that comes twice, or late, changes nothing.
--
-- One Redis runs it for all taps: so there are few functions, since Lua makes each anew each time, and numbers stay
-- text on their way to Redis and into events, since Lua is slow to write them.
--
-- KEYS     the card's pass (a hash), the session's receipt (a string), the journal (a stream), the card's used-up pass
-- ARGV     this device's name, the journal's length, the number of this request in its session
-- Answers  stale, if the receipt has a higher number
-- Errors   NOPERM: a right is missing; MISMATCH: the receipt has this number for another card
-- Offers   card, receipt, spent, number, is_repeat, last_outcome, last_type, HOUR, json, read, trips_of
-- Wants    for commit.lua: outcome; pass_type, if there is one; events; writes

local card, receipt, journal, spent = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local device, journal_length, number = ARGV[1], ARGV[2], ARGV[3]
local HOUR, WEEK = '3600', '604800' -- seconds: how long a used-up pass and a receipt are kept
local json = cjson.encode -- for any text that is not ours
local outcome, pass_type
local events = {} -- by turns a channel, and the JSON members of its event, without those that all events have
local writes = {} -- the commands that change the pass

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

-- The trips of a ten-trip pass, as text; nil unless 1 or more in plain digits: HINCRBY would refuse anything else
-- after the event. Lua is exact with 12 digits.
local function trips_of(pass)
  local trips = (pass.tripsRemaining or ''):match('^[1-9]%d*$')
  return trips and #trips <= 12 and trips or nil
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
