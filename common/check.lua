#!lua
-- Would the next tap or sale be taken? Writes nothing. A server that refuses writes refuses this script by its first
-- line, and a cluster refuses it by its keys, as it would a tap.
--
-- KEYS     those of a tap or a sale
-- ARGV     the commands that this device needs, a JSON array of arrays
-- Answers  those of them that this user may not run
-- Errors   the journal takes no entry

local journal = KEYS[3]
local refused = {}
for _, command in ipairs(cjson.decode(ARGV[1])) do
  if not redis.acl_check_cmd(unpack(command)) then
    refused[#refused + 1] = command[1] .. ' ' .. (command[2] or '')
  end
end
if #refused > 0 then
  return refused
end

local stream = redis.pcall('XINFO', 'STREAM', journal)
if stream.err then
  return stream.err:find('^WRONGTYPE') and redis.error_reply('JOURNAL ' .. journal .. ' is no stream: RENAME it') or refused
end
for i = 1, #stream, 2 do
  if stream[i] == 'last-generated-id' and stream[i + 1] == '18446744073709551615-18446744073709551615' then
    return redis.error_reply('JOURNAL ' .. journal .. ' has reached the last possible id: RENAME it')
  end
end
return refused
