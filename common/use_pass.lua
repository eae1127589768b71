-- One tap at a gate: answers granted, no-pass or invalid-pass.

local TWO_HOURS = 7200 -- seconds
local MOST_DIGITS = 12 -- of a number of trips; Lua's numbers stay exact well beyond

local function deny(reason)
  record('pass-denied', {reason = reason})
  return conclude(reason)
end

local use = {}

function use.SINGLE_USE(pass)
  record('pass-used:SINGLE_USE', {pass = pass})
  plan('DEL', card)
  return conclude('granted')
end

function use.TEN_TRIP(pass)
  local trips = (pass.tripsRemaining or ''):match('^[1-9]%d*$')
  if not trips or #trips > MOST_DIGITS then
    return deny('invalid-pass')
  end
  local left = trips - 1
  record('pass-used:TEN_TRIP', {pass = pass, remainingTrips = left})
  if left == 0 then
    plan('DEL', card)
  else
    plan('HINCRBY', card, 'tripsRemaining', -1)
  end
  return conclude('granted')
end

function use.TWO_HOUR(pass)
  local remaining = redis.call('TTL', card)
  local first_use = remaining == -1
  if first_use then
    remaining = TWO_HOURS
    record('pass-activated:TWO_HOUR', {pass = pass, remainingTime = remaining})
  end
  record('pass-used:TWO_HOUR', {pass = pass, remainingTime = remaining})
  if first_use then
    plan('EXPIRE', card, TWO_HOURS)
  end
  return conclude('granted')
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
local use_as_sold = use[pass.passType]
if not use_as_sold then
  return deny('invalid-pass')
end
return use_as_sold(pass)
