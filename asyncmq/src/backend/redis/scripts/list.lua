-- list: jobs of one state of one queue, in the order in which they are shown.
--
-- KEYS   shared base, base of the queue
-- ARGV   time, state's letter (w, d, b, c, x, f, e), first place, number
-- Reply  as look
-- Cost   5 to 8 commands, and the places before the first one where lists are merged
local Q, state, first, count = KEYS[2], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local ids = {}

local function waiting()
  local lines, has_keys = {}, call('EXISTS', Q .. 'lines') == 1
  for _, line in ipairs(call('ZRANGE', Q .. 'ready', 0, -1)) do
    if byte(line, 1) >= 97 then lines[#lines + 1] = line end
  end
  local has_tombs = call('EXISTS', Q .. 'tombs') == 1
  if #lines == 1 and not has_tombs and not has_keys then
    ids = call('LRANGE', Q .. lines[1], first, first + count - 1)
    return
  end
  local all = {}
  -- Lists the first living jobs of a list.
  local function read(line, priority, most)
    local seen, got = {}, 0
    for at = 0, math.huge, 1000 do
      local chunk = call('LRANGE', Q .. line, at, math.min(at + 999, has_tombs and at + 999 or most - 1))
      if #chunk == 0 or got >= most then break end
      local numbers = numbers_of(Q, chunk)
      for i, id in ipairs(chunk) do
        local void = 0
        if has_tombs then
          seen[id] = (seen[id] or 0) + 1
          void = tonumber(call('HGET', Q .. 'tombs', line .. id) or 0)
        end
        if not has_tombs or void < seen[id] then
          all[#all + 1], got = { priority, is_keyed(line) and 1 or 0, is_keyed(line) and #all or numbers[i], id }, got + 1
        end
      end
      if not has_tombs and at + 1000 >= most then break end
    end
    return got
  end
  for _, line in ipairs(lines) do read(line, level_of(line), first + count) end
  -- Those with keys come behind the others of their priority, one key after the other.
  local from, left = 0, first + count
  while has_keys and left > 0 do
    local members = call('ZRANGE', Q .. 'lines', from, from + 249)
    if #members == 0 then break end
    for _, member in ipairs(members) do
      local line = line_named(member)
      if left > 0 then left = left - read(line, level_of(line), left) end
    end
    from = from + 250
  end
  table.sort(all, function(a, b)
    if a[1] ~= b[1] then return a[1] < b[1] end
    if a[2] ~= b[2] then return a[2] < b[2] end
    return a[3] < b[3]
  end)
  for i = first + 1, math.min(first + count, #all) do ids[#ids + 1] = all[i][4] end
end

-- Of those that did not complete yx, yf and ye have the ones that are pinned.
local function ended(lists)
  local all, most = {}, first + count
  if state == 'c' then
    each_completed(Q, function(number, id)
      all[#all + 1] = { number, id }
      return #all >= most and number < all[most][1]
    end)
  end
  for _, list in ipairs(lists) do add_latest(all, Q .. list, '+inf', most) end
  table.sort(all, latest_first)
  for i = first + 1, math.min(most, #all) do ids[#ids + 1] = all[i][2] end
end

if state == 'w' then
  waiting()
elseif state == 'd' then
  for i, member in ipairs(call('ZRANGE', Q .. 'delayed', first, first + count - 1)) do ids[i] = sub(member, 8) end
elseif state == 'b' then
  ids = call('ZRANGE', Q .. 'blocked', first, first + count - 1)
else
  ended(state == 'c' and { 'zq' } or { 'z' .. state, 'y' .. state })
end
return all_of(Q, ids)
