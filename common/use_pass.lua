-- One tap at a gate: answers granted, no-pass or invalid-pass.

local TWO_HOURS = 7200 -- seconds
local MOST_DIGITS = 12 -- of a number of trips; Lua's numbers stay exact well beyond

local function deny(reason)
  record('pass-denied', {reason = reason})
  return conclude(reason)
end

local outcome = earlier_outcome()
if outcome then
  return outcome
end

local held = redis.pcall('HGETALL', card)
if held.err and held.err:find('^WRONGTYPE') then
  return deny('invalid-pass')
elseif held.err then
  error(held)
elseif #held == 0 then
  return deny('no-pass')
end

local pass = {}
for i = 1, #held, 2 do
  pass[held[i]] = held[i + 1]
end

if pass.passType == 'SINGLE_USE' then
  record('pass-used:SINGLE_USE', {pass = pass})
  return conclude('granted', function(write)
    write('DEL', card)
  end)
end

if pass.passType == 'TEN_TRIP' then
  local trips = (pass.tripsRemaining or ''):match('^[1-9]%d*$')
  if not trips or #trips > MOST_DIGITS then
    return deny('invalid-pass')
  end
  local left = trips - 1
  record('pass-used:TEN_TRIP', {pass = pass, remainingTrips = left})
  return conclude('granted', function(write)
    if left == 0 then
      write('DEL', card)
    else
      write('HINCRBY', card, 'tripsRemaining', -1)
    end
  end)
end

if pass.passType == 'TWO_HOUR' then
  local remaining = redis.call('TTL', card)
  local is_first_use = remaining == -1
  if is_first_use then
    remaining = TWO_HOURS
    record('pass-activated:TWO_HOUR', {pass = pass, remainingTime = remaining})
  end
  record('pass-used:TWO_HOUR', {pass = pass, remainingTime = remaining})
  return conclude('granted', function(write)
    if is_first_use then
      write('EXPIRE', card, TWO_HOURS)
    end
  end)
end

return deny('invalid-pass')
