#!lua
-- One sale at a terminal: puts a new pass on the card unless it holds one.
--
-- KEYS, ARGV  those of transaction.lua; ARGV[4] is the new pass, a JSON object of its fields
-- Answers     issued, has-pass; a repeated sale gets the same answer and changes nothing
-- Events      pass-issued:SINGLE_USE, pass-issued:TEN_TRIP, pass-issued:TWO_HOUR
-- Takes       card, is_repeat, last_outcome, json
-- Sets        outcome, events, writes

if is_repeat then
  outcome = last_outcome
elseif redis.call('EXISTS', card) == 1 then
  outcome = 'has-pass'
else
  outcome = 'issued'
  local pass = cjson.decode(ARGV[4])
  local command = {'HSET', card}
  for name, value in pairs(pass) do
    command[#command + 1] = name
    command[#command + 1] = value
  end
  events = {'pass-issued:' .. pass.passType, '"pass":' .. json(pass)}
  writes = {command}
end
