#!lua flags=allow-oom
-- The reversal of a tap that showed no green: gives back what it took. A tap that has taken nothing never will.
--
-- KEYS, ARGV  those of the tap, whose session may be that of an earlier process
-- Answers     reversed, owed, nothing; or the tap's denial. Owed: nothing can be given back here, the desk owes a trip.
--             Nothing: two hours go on from the first tap that Redis took. Each is final: a repeated reversal gets the
--             same answer and changes nothing. stale: a later request followed, so the tap was settled
-- Events      pass-reversed:SINGLE_USE, pass-reversed:TEN_TRIP, pass-owed:SINGLE_USE, pass-owed:TEN_TRIP
-- Takes       card, receipt, spent, number, is_repeat, last_outcome, last_type, json, read, trips_of
-- Sets        outcome, pass_type, events, writes

outcome, pass_type = last_outcome, last_type
if not is_repeat then
  outcome = 'reversed'

elseif last_outcome == 'granted' and last_type == 'TWO_HOUR' then
  outcome = 'nothing'

elseif last_outcome == 'granted' then
  local tap = ',"tap":' .. json(receipt:match('[^:]*$') .. '-' .. number)
  local pass = read(card)
  local trips = pass and last_type == 'TEN_TRIP' and pass.passType == 'TEN_TRIP' and trips_of(pass)
  local used_up = not pass and read(spent)

  if trips then
    outcome = 'reversed'
    pass.tripsRemaining = ('%d'):format(trips + 1)
    events = {'pass-reversed:TEN_TRIP', '"pass":' .. json(pass) .. tap}
    writes = {{'HINCRBY', card, 'tripsRemaining', '1'}}

  elseif used_up and used_up.passType == last_type then
    outcome = 'reversed'
    events = {'pass-reversed:' .. last_type, '"pass":' .. json(used_up) .. tap}
    writes = {{'PERSIST', spent}, {'RENAMENX', spent, card}}

  else
    outcome = 'owed'
    events = {'pass-owed:' .. last_type, '"pass":' .. json(pass or {passType = last_type}) .. tap}
  end
end
