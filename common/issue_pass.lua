-- One sale at a terminal: answers issued or has-pass.
--
-- ARGV[4]  the new pass's fields, as a JSON object

local outcome = earlier_outcome()
if outcome then
  return outcome
end
if redis.call('EXISTS', card) == 1 then
  return conclude('has-pass')
end

local pass = cjson.decode(ARGV[4])
local fields = {}
for name, value in pairs(pass) do
  fields[#fields + 1] = name
  fields[#fields + 1] = value
end
record('pass-issued:' .. pass.passType, {pass = pass})
return conclude('issued', function(write)
  write('HSET', card, unpack(fields))
end)
