#!lua
-- One tap at a gate: takes one entry from the card's pass.
--
-- KEYS, ARGV  those of transaction.lua
-- Answers     granted, no-pass, blocked-pass, invalid-pass; a repeated tap gets the same answer, or reversed, and changes
--             nothing
-- Events      pass-used:SINGLE_USE, pass-used:TEN_TRIP, pass-activated:TWO_HOUR, pass-used:TWO_HOUR, pass-denied
-- Takes       card, spent, is_repeat, last_outcome, last_type, HOUR, json, read, trips_of, write, publish, commit

if is_repeat then
  return commit(last_outcome, last_type)
end

local function deny(reason)
  publish('pass-denied', '"reason":"' .. reason .. '"')
  return commit(reason)
end

-- A reversal may need it: kept as it is, with the one trip that was left.
local function use_up()
  write('RENAME', card, spent)
  write('EXPIRE', spent, HOUR)
end

local pass = read(card)
if not pass then
  return deny('no-pass')

elseif pass.blocked then
  return deny('blocked-pass')

elseif pass.passType == 'SINGLE_USE' then
  publish('pass-used:SINGLE_USE', '"pass":' .. json(pass))
  use_up()

elseif pass.passType == 'TEN_TRIP' then
  local trips = trips_of(pass)
  if not trips then
    return deny('invalid-pass')
  end
  publish('pass-used:TEN_TRIP', '"pass":' .. json(pass) .. ',"remainingTrips":' .. (trips - 1))
  if trips == '1' then
    use_up()
  else
    write('HINCRBY', card, 'tripsRemaining', '-1')
  end

elseif pass.passType == 'TWO_HOUR' then
  local remaining = redis.call('TTL', card)
  local is_first_use = remaining == -1 -- it has no expiry yet
  if is_first_use then
    remaining = 2 * HOUR
  end
  local members = '"pass":' .. json(pass) .. ',"remainingTime":' .. remaining
  if is_first_use then
    publish('pass-activated:TWO_HOUR', members)
    write('EXPIRE', card, remaining)
  end
  publish('pass-used:TWO_HOUR', members)

else
  return deny('invalid-pass')
end

return commit('granted', pass.passType)
