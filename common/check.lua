#!lua
-- Would the next tap or sale be taken? Writes nothing. A server that refuses writes refuses this script by its first
-- line, and a cluster refuses it by its keys, as it would a tap.
--
-- KEYS     those of a tap or a sale
-- ARGV     the commands that this device needs, a JSON array of arrays
-- Answers  the server's time in seconds, then those of them that this user may not run
-- Errors   JOURNAL: it takes no entry

local journal = KEYS[3]
local answer = {redis.call('TIME')[1]}
for _, command in ipairs(cjson.decode(ARGV[1])) do
  if not redis.acl_check_cmd(unpack(command)) then
    answer[#answer + 1] = command[1] .. ' ' .. (command[2] or '')
  end
end

local function refuse(reason)
  return redis.error_reply('JOURNAL ' .. journal .. ' ' .. reason .. ': rename that key; a new journal begins')
end

local stream = redis.pcall('XINFO', 'STREAM', journal)
if stream.err then -- most often it does not exist yet
  return stream.err:find('^WRONGTYPE') and refuse('is no stream') or answer
end
for i = 1, #stream, 2 do
  if stream[i] == 'last-generated-id' and stream[i + 1] == '18446744073709551615-18446744073709551615' then
    return refuse('has reached the last possible id')
  end
end
return answer
