-- How use.lua, issue.lua, reverse.lua and change.lua end: does what they have listed, all of it or nothing.
--
-- Every right is asked for before the first write. An event's XADD is itself that first write: if the user may not, or
-- if the journal takes no entry, it ends the script, and nothing has changed. A change to a pass comes after its event.

for i = 1, #events, 2 do
  if not redis.acl_check_cmd('PUBLISH', events[i], '') then
    return redis.error_reply('NOPERM this user may not PUBLISH ' .. events[i])
  end
end
for i = 1, #writes do
  if not redis.acl_check_cmd(unpack(writes[i])) then
    return redis.error_reply('NOPERM this user may not ' .. writes[i][1] .. ' ' .. writes[i][2])
  end
end
if not redis.acl_check_cmd('SETEX', receipt, WEEK, '') then
  return redis.error_reply('NOPERM this user may not SETEX ' .. receipt)
end

if events[1] then
  local time = redis.call('TIME')
  local at = time[1] .. ('00000' .. time[2]):sub(-6, -4) -- milliseconds
  local origin = ',"at":' .. at .. ',"device":' .. json(device) .. ',"cardSerialNumber":' .. json(card)
  for i = 1, #events, 2 do
    local channel, members = events[i], events[i + 1]
    local id = redis.call('XADD', journal, 'MAXLEN', '~', journal_length, '*',
                          'channel', channel, 'payload', '{' .. members .. origin .. '}')
    redis.call('PUBLISH', channel, '{' .. members .. origin .. ',"id":"' .. id .. '"}')
  end
end
for i = 1, #writes do
  redis.call(unpack(writes[i]))
end
-- The receipt is written even if it is the same: WAIT then covers the change that it records.
redis.call('SETEX', receipt, WEEK, number .. ' ' .. card .. ' ' .. outcome .. ' ' .. (pass_type or '-'))
return outcome
