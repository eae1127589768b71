#!lua
-- One change at the operator's desk, made only if the pass still is what the desk saw. What may be done to a pass is
-- decided there (back_office/desk.py); here it is made once, or not at all.
--
-- KEYS, ARGV  those of transaction.lua; the session is this change's own. KEYS[5], if given, must not exist: the card
--             that the pass moves to, or the mark of a settled tap. ARGV[4] is the change, a JSON object: its name, for
--             the receipt; seen, the pass's fields, empty for none; channel, event and commands. A time to live may differ
-- Answers     done, changed; a repeated change gets the same answer and changes nothing
-- Errors      MISMATCH: the receipt tells of another change
-- Events      pass-issued:SINGLE_USE, pass-issued:TEN_TRIP, pass-issued:TWO_HOUR, pass-blocked, pass-unblocked,
--             pass-moved, pass-credited, pass-voided, pass-reversed:SINGLE_USE, pass-reversed:TEN_TRIP
-- Takes       card, is_repeat, last_outcome, last_type, json, read
-- Sets        outcome, pass_type, events, writes

-- Whether each field of one hash is in the other one, too.
local function is_within(one, other)
  for name, value in pairs(one) do
    if other[name] ~= value then
      return false
    end
  end
  return true
end

local change = cjson.decode(ARGV[4])
pass_type = change.name -- the receipt's last word
if is_repeat then
  if last_type ~= change.name then
    return redis.error_reply('MISMATCH the receipt tells of another change')
  end
  outcome = last_outcome
else
  local holds_key = redis.call('EXISTS', card) == 1 -- also if it is no hash
  local pass = read(card) or {}
  if holds_key ~= (next(change.seen) ~= nil)
    or not (is_within(pass, change.seen) and is_within(change.seen, pass))
    or KEYS[5] and redis.call('EXISTS', KEYS[5]) == 1 then
    outcome = 'changed'
  else
    outcome = 'done'
    events = {change.channel, json(change.event):sub(2, -2)}
    writes = change.commands
  end
end
