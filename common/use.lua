#!lua
-- One tap at a gate: takes one entry from the card's pass.
--
-- KEYS, ARGV  those of transaction.lua
-- Answers     granted, no-pass, blocked-pass, invalid-pass; a repeated tap gets the same answer, or reversed, and
--             changes nothing
-- Events      pass-used:SINGLE_USE, pass-used:TEN_TRIP, pass-activated:TWO_HOUR, pass-used:TWO_HOUR, pass-denied
-- Takes       card, spent, is_repeat, last_outcome, last_type, HOUR, json, read, trips_of
-- Sets        outcome, pass_type, events, writes

if is_repeat then
  outcome, pass_type = last_outcome, last_type
else
  local pass = read(card)
  local trips = pass and pass.passType == 'TEN_TRIP' and trips_of(pass)
  local is_used_up = trips == '1'

  if not pass then
    outcome = 'no-pass'

  elseif pass.blocked then
    outcome = 'blocked-pass'

  elseif pass.passType == 'SINGLE_USE' then
    outcome = 'granted'
    events = {'pass-used:SINGLE_USE', '"pass":' .. json(pass)}
    is_used_up = true

  elseif trips then
    outcome = 'granted'
    events = {'pass-used:TEN_TRIP', '"pass":' .. json(pass) .. ',"remainingTrips":' .. (trips - 1)}
    writes = {{'HINCRBY', card, 'tripsRemaining', '-1'}}

  elseif pass.passType == 'TWO_HOUR' then
    outcome = 'granted'
    local remaining = redis.call('TTL', card)
    if remaining == -1 then -- it has no expiry yet: this is its first use
      remaining = 2 * HOUR
      events = {'pass-activated:TWO_HOUR', '"pass":' .. json(pass) .. ',"remainingTime":' .. remaining}
      writes = {{'EXPIRE', card, remaining}}
    end
    events[#events + 1] = 'pass-used:TWO_HOUR'
    events[#events + 1] = '"pass":' .. json(pass) .. ',"remainingTime":' .. remaining

  else
    outcome = 'invalid-pass'
  end

  if outcome ~= 'granted' then
    events = {'pass-denied', '"reason":"' .. outcome .. '"'}
  else
    pass_type = pass.passType
    if is_used_up then -- a reversal may need it: kept as it is, with the one trip that was left
      writes = {{'RENAME', card, spent}, {'EXPIRE', spent, HOUR}}
    end
  end
end
