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

  if not pass then
    outcome = 'no-pass'

  elseif pass.blocked then
    outcome = 'blocked-pass'

  elseif pass.passType == 'SINGLE_USE' then
    outcome, pass_type = 'granted', 'SINGLE_USE'
    events = {'pass-used:SINGLE_USE', '"pass":' .. json(pass)}

  elseif trips then
    outcome, pass_type = 'granted', 'TEN_TRIP'
    events = {'pass-used:TEN_TRIP', '"pass":' .. json(pass) .. ',"remainingTrips":' .. (trips - 1)}
    writes = {{'HINCRBY', card, 'tripsRemaining', '-1'}}

  elseif pass.passType == 'TWO_HOUR' then
    outcome, pass_type = 'granted', 'TWO_HOUR'
    local remaining = redis.call('TTL', card)
    local is_first_use = remaining == -1 -- it has no expiry yet
    remaining = is_first_use and 2 * HOUR or remaining
    local members = '"pass":' .. json(pass) .. ',"remainingTime":' .. remaining
    events = {'pass-used:TWO_HOUR', members}
    if is_first_use then
      events = {'pass-activated:TWO_HOUR', members, 'pass-used:TWO_HOUR', members}
      writes = {{'EXPIRE', card, remaining}}
    end

  else
    outcome = 'invalid-pass'
  end

  if outcome ~= 'granted' then
    events = {'pass-denied', '"reason":"' .. outcome .. '"'}
  elseif pass_type == 'SINGLE_USE' or trips == '1' then
    -- It is used up. A reversal may need it: kept as it is, with the one trip that was left.
    writes = {{'RENAME', card, spent}, {'EXPIRE', spent, HOUR}}
  end
end
