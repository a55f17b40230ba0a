-- list: jobs of one state of one queue, in the order in which they are shown.
--
-- KEYS   shared base, base of the queue
-- ARGV   time, state's letter (w, d, c, x, f, e), first place, number
-- Reply  as look
-- Cost   per job 2 to 7 commands, and the places before the first one where lists are merged
local Q, state, first, count = KEYS[2], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local ids = {}

local function waiting()
  local lines = call('ZRANGE', Q .. 'ready', 0, -1)
  local has_tombs = call('EXISTS', Q .. 'tombs') == 1
  if #lines == 1 and not has_tombs then
    for i, entry in ipairs(call('LRANGE', Q .. lines[1], first, first + count - 1)) do ids[i] = sub(entry, 8) end
    return
  end
  local all = {}
  for _, line in ipairs(lines) do
    local priority = tonumber(sub(line, 2, 3), 16)
    for at = 0, first + count - 1, 1000 do
      local entries = call('LRANGE', Q .. line, at, math.min(at + 999, has_tombs and at + 999 or first + count - 1))
      if #entries == 0 then break end
      local dead = has_tombs and call('SMISMEMBER', Q .. 'tombs', unpack(entries)) or {}
      for i, entry in ipairs(entries) do
        if dead[i] ~= 1 then all[#all + 1] = { priority, number(entry), sub(entry, 8) } end
      end
    end
  end
  table.sort(all, function(a, b) return a[1] < b[1] or (a[1] == b[1] and a[2] < b[2]) end)
  for i = first + 1, math.min(first + count, #all) do ids[#ids + 1] = all[i][3] end
end

local function completed()
  local all = {}
  for _, list in ipairs({ 'zc', 'zq' }) do
    local found = call('ZREVRANGE', Q .. list, 0, first + count - 1, 'WITHSCORES')
    for i = 1, #found, 2 do all[#all + 1] = { tonumber(found[i + 1]), found[i] } end
  end
  table.sort(all, function(a, b) return b[1] < a[1] end)
  for i = first + 1, math.min(first + count, #all) do ids[#ids + 1] = all[i][2] end
end

if state == 'w' then
  waiting()
elseif state == 'd' then
  for i, member in ipairs(call('ZRANGE', Q .. 'delayed', first, first + count - 1)) do ids[i] = sub(member, 8) end
elseif state == 'c' and call('EXISTS', Q .. 'zq') == 1 then
  completed()
else
  ids = call('ZREVRANGE', Q .. 'z' .. state, first, first + count - 1)
end
local reply = {}
for _, id in ipairs(ids) do reply[#reply + 1] = all_of(Q, id) end
return reply
