#!lua
-- One tap at a gate: takes one entry from the card's pass.
--
-- KEYS, ARGV  those of transaction.lua
-- Answers     granted, no-pass, invalid-pass; a repeated tap gets the same answer and changes nothing
-- Events      pass-used:SINGLE_USE, pass-used:TEN_TRIP, pass-activated:TWO_HOUR, pass-used:TWO_HOUR, pass-denied
-- Takes       card, is_repeat, last_outcome, read, write, publish, commit

local TWO_HOURS = 7200 -- seconds

if is_repeat then
  return commit(last_outcome)
end

local function deny(reason)
  publish('pass-denied', {reason = reason})
  return commit(reason)
end

local pass = read(card)
if not pass then
  return deny('no-pass')

elseif pass.passType == 'SINGLE_USE' then
  publish('pass-used:SINGLE_USE', {pass = pass})
  write('DEL', card)

elseif pass.passType == 'TEN_TRIP' then
  -- Strict, because HINCRBY would refuse anything else after the event. Lua is exact with 12 digits.
  local trips = (pass.tripsRemaining or ''):match('^[1-9]%d*$')
  if not trips or #trips > 12 then
    return deny('invalid-pass')
  end
  publish('pass-used:TEN_TRIP', {pass = pass, remainingTrips = trips - 1})
  if trips == '1' then
    write('DEL', card)
  else
    write('HINCRBY', card, 'tripsRemaining', -1)
  end

elseif pass.passType == 'TWO_HOUR' then
  local remaining = redis.call('TTL', card)
  local is_first_use = remaining == -1 -- it has no expiry yet
  if is_first_use then
    remaining = TWO_HOURS
    publish('pass-activated:TWO_HOUR', {pass = pass, remainingTime = remaining})
  end
  publish('pass-used:TWO_HOUR', {pass = pass, remainingTime = remaining})
  if is_first_use then
    write('EXPIRE', card, TWO_HOURS)
  end

else
  return deny('invalid-pass')
end

return commit('granted')
