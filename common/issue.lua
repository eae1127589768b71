#!lua
-- One sale at a terminal: puts a new pass on the card unless it holds one.
--
-- KEYS, ARGV  those of transaction.lua; ARGV[4] is the new pass, a JSON object of its fields
-- Answers     issued, has-pass; a repeated sale gets the same answer and changes nothing
-- Events      pass-issued:SINGLE_USE, pass-issued:TEN_TRIP, pass-issued:TWO_HOUR
-- Takes       card, is_repeat, last_outcome, json, write, publish, commit

if is_repeat then
  return commit(last_outcome)
elseif redis.call('EXISTS', card) == 1 then
  return commit('has-pass')
end

local pass = cjson.decode(ARGV[4])
local fields = {}
for name, value in pairs(pass) do
  fields[#fields + 1] = name
  fields[#fields + 1] = value
end
publish('pass-issued:' .. pass.passType, '"pass":' .. json(pass))
write('HSET', card, unpack(fields))
return commit('issued')
