#!lua flags=allow-oom
-- One pulse of a device: writes its row and, if its state has changed, the entry in the journal and the message.
--
-- The session tells two devices of one name from one that was restarted: a session that was replaced does not come back.
--
-- KEYS     the devices' rows (a hash), the journal (a stream)
-- ARGV     the device's name, the journal's length, its program, version and session, its state, its problem or '', how
--          many milliseconds ago a card was tapped or ''
-- Answers  written; shared, if two living devices have this name: then their changes are not published
-- Errors   NOPERM: a right is missing
-- Events   device-status

local devices, journal = KEYS[1], KEYS[2]
local device, journal_length, program, version, session, state, problem, tapped_ms_ago = unpack(ARGV)
local LONGEST_PAUSE = 15000 -- milliseconds between two pulses of a device that lives

for _, command in ipairs({
  {'HGET', devices, device}, {'HSET', devices, device, ''},
  {'XADD', journal, '*', 'channel', 'payload'}, {'PUBLISH', 'device-status', ''},
}) do
  if not redis.acl_check_cmd(unpack(command)) then
    return redis.error_reply('NOPERM this user may not ' .. command[1] .. ' ' .. command[2])
  end
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local is_json, old = pcall(cjson.decode, redis.call('HGET', devices, device))
if not is_json or type(old) ~= 'table' then
  old = {}
end

-- What a row says is kept if it makes sense: anybody who may write one may have written it.
local function past(milliseconds)
  local is_time = type(milliseconds) == 'number' and milliseconds >= 0 and milliseconds <= now
  return is_time and math.floor(milliseconds) or nil
end
local function id(text)
  return type(text) == 'string' and #text <= #session and text or nil
end

local is_other = old.session ~= session
local is_replaced = is_other and old.replaced == session
if is_replaced and state == 'stopped' then
  return 'written' -- late: the row is its successor's
end
local is_shared = is_replaced and now - (past(old.at) or 0) <= LONGEST_PAUSE
local is_change = old.state ~= state or (old.problem or '') ~= problem

local row = {program = program, version = version, session = session, state = state, at = now}
row.problem = problem ~= '' and problem or nil
row.since = not is_change and past(old.since) or now
row.lastTap = tapped_ms_ago ~= '' and past(now - tapped_ms_ago) or past(old.lastTap)
row.replaced = id(is_other and old.session or old.replaced)
row.shared = is_shared and now or past(old.shared)

if is_change and not is_shared then
  local payload = cjson.encode({device = device, program = program, state = state, problem = row.problem, at = now})
  local entry = redis.call('XADD', journal, 'MAXLEN', '~', journal_length, '*',
                           'channel', 'device-status', 'payload', payload)
  redis.call('PUBLISH', 'device-status', payload:sub(1, -2) .. ',"id":"' .. entry .. '"}')
end
redis.call('HSET', devices, device, cjson.encode(row))
return is_shared and 'shared' or 'written'
