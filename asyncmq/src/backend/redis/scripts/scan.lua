-- scan: jobs of one state of one queue behind a place, in the order in which they are shown.
--
-- A place is a rank and a number: priority and number of a waiting job, due time and number of a delayed one, 0 and the
-- number of its end of one that ended, and its id; of waiting jobs with keys also the name of their list and a number. Those come behind
-- the others of their priority, one key after the other.
--
-- KEYS   shared base, base of the queue
-- ARGV   time, state's letter (w, d, b, c, x, f, e), rank and number of the place (-1 for none), count, name of the list and
--        number of the place among jobs with keys (-1 for none), or the id of the job that ended
-- Reply  rank and number of the last one, 1 if others may follow, name and number of the last one with a key, then as look
-- Cost   4 to 6 commands for all jobs together, and per list 2 for each time that it can be halved; for completed ones
--        those passed over
local Q, state, rank, mine, count = KEYS[2], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local found, more = {}, 0
local has_tombs = call('EXISTS', Q .. 'tombs') == 1
local floor = math.floor

-- Returns the first of `size` places that may be behind ours. `number_at` gives nothing for a void place; what it gives
-- is never less than what was there, so that nothing is passed over.
local function first_behind(size, number_at)
  local lo, hi = 0, size
  while lo < hi do
    local mid = floor((lo + hi) / 2)
    local at, it = mid, nil
    while at < hi and at < mid + 64 do
      it = number_at(at)
      if it then break end
      at = at + 1
    end
    if it and it <= mine then lo = at + 1 else hi = mid end
  end
  return lo
end

-- Tells which ids of a waiting list, from a place on, stand there as jobs that wait. The first places of a job are the void
-- ones; one that runs or has ended has no others, and one that was removed has no number and nothing to look for.
local function standing(line, ids, numbers, from)
  local stands = {}
  for i = 1, #ids do stands[i] = numbers[i] >= 0 end
  if not has_tombs then return stands end
  local fields = {}
  for i = 1, #ids do fields[i] = line .. ids[i] end
  local voids, ends = call('HMGET', Q .. 'tombs', unpack(fields)), call('HMGET', Q .. 'done', unpack(ids))
  for i = 1, #ids do
    local void = tonumber(voids[i] or 0)
    if void > 0 and ends[i] then
      stands[i] = false
    elseif void > 0 and stands[i] then
      local places = call('LPOS', Q .. line, ids[i], 'COUNT', 0)
      stands[i] = void < #places and places[#places] == from + i - 1
    end
  end
  return stands
end

-- Lists jobs of a list behind a number, in the order of their numbers; all of it if there is none.
local function waiting_in(line, priority, mine_there, most)
  local key, from, got = Q .. line, 0, 0
  if mine_there then
    mine = mine_there
    from = first_behind(call('LLEN', key), function(at)
      local id = call('LINDEX', key, at)
      local it = id and numbers_of(Q, { id })[1] or -1
      return it >= 0 and it or nil
    end)
  end
  while got < most do
    local ids = call('LRANGE', key, from, from + most - 1)
    if #ids == 0 then break end
    local numbers = numbers_of(Q, ids)
    local stands = standing(line, ids, numbers, from)
    for i = 1, #ids do
      if stands[i] and (not mine_there or mine_there < numbers[i]) and got < most then
        found[#found + 1], got = { priority, numbers[i], ids[i], line }, got + 1
      end
    end
    from = from + #ids
  end
  return got
end

local function waiting()
  local own, left = mine, count
  for _, line in ipairs(call('ZRANGE', Q .. 'ready', 0, -1)) do
    local priority = level_of(line)
    if byte(line, 1) >= 97 and rank <= priority then waiting_in(line, priority, priority == rank and own, count) end
  end
  table.sort(found, function(a, b) return a[1] < b[1] or (a[1] == b[1] and a[2] < b[2]) end)
  local name, its, keyed = ARGV[6], tonumber(ARGV[7]), found
  found = {}
  local first = name == '' and '-' or '[' .. name
  while left > 0 do
    local members = call('ZRANGEBYLEX', Q .. 'lines', first, '+', 'LIMIT', 0, 250)
    for _, member in ipairs(members) do
      local line = line_named(member)
      if left > 0 then left = left - waiting_in(line, level_of(line), member == name and its, left) end
    end
    if #members < 250 then break end
    first = '(' .. members[#members]
  end
  -- Both are in order: those without keys go first where priorities are equal.
  local plain, i, j, all = keyed, 1, 1, {}
  while #all < count and (plain[i] or found[j]) do
    if plain[i] and (not found[j] or plain[i][1] <= found[j][1]) then
      all[#all + 1], i = plain[i], i + 1
    else
      all[#all + 1], j = found[j], j + 1
    end
  end
  more = (plain[i] or found[j] or #all == count) and 1 or 0
  found = all
end

local function delayed()
  local key = Q .. 'delayed'
  local from = 0
  if rank >= 0 then
    from = first_behind(call('ZCARD', key), function(at)
      local member = call('ZRANGE', key, at, at, 'WITHSCORES')
      local due = tonumber(member[2])
      if due ~= rank then return due < rank and -1 or math.huge end
      return number(sub(member[1], 1, 7))
    end)
  end
  local members = call('ZRANGE', key, from, from + count - 1, 'WITHSCORES')
  for i = 1, #members, 2 do
    found[#found + 1] = { tonumber(members[i + 1]), number(sub(members[i], 1, 7)), sub(members[i], 8) }
  end
end

local function blocked()
  local from = mine < 0 and '-inf' or '(' .. string.format('%.0f', mine)
  local ids = call('ZRANGEBYSCORE', Q .. 'blocked', from, '+inf', 'WITHSCORES', 'LIMIT', 0, count)
  for i = 1, #ids, 2 do found[#found + 1] = { 0, tonumber(ids[i + 1]), ids[i] } end
end

-- Those that ended: a place is a number and, as several may have it, an id.
local function ended(lists)
  local all, from, equal = {}, '+inf', 0
  local function is_behind(number, id)
    return mine < 0 or number < mine or number == mine and id < ARGV[6]
  end
  if state == 'c' then
    each_completed(Q, function(number, id)
      if is_behind(number, id) then all[#all + 1] = { number, id } end
      return #all >= count and number < all[count][1]
    end)
  end
  if mine >= 0 then from = string.format('%.0f', mine) end
  for _, list in ipairs(lists) do
    if mine >= 0 then equal = call('ZCOUNT', Q .. list, from, from) end
    add_latest(all, Q .. list, from, count + equal)
  end
  table.sort(all, latest_first)
  for _, one in ipairs(all) do
    if is_behind(one[1], one[2]) then found[#found + 1] = { 0, one[1], one[2] } end
  end
end

if state == 'w' then
  waiting()
elseif state == 'd' then
  delayed()
elseif state == 'b' then
  blocked()
else
  ended(state == 'c' and { 'zq' } or { 'z' .. state, 'y' .. state })
end
local reply = { ARGV[3], ARGV[4], #found >= count and '1' or more == 1 and '1' or '0', ARGV[6] or '', ARGV[7] or '-1' }
for i = 1, math.min(count, #found) do
  local one = found[i]
  if state ~= 'w' and state ~= 'd' and state ~= 'b' then
    reply[1], reply[2], reply[4], reply[5] = '0', string.format('%.0f', one[2]), one[3], '0'
  elseif one[4] and is_keyed(one[4]) then
    reply[4], reply[5] = member_of(one[4]), string.format('%.0f', one[2])
  else
    reply[1], reply[2] = string.format('%.0f', one[1]), string.format('%.0f', one[2])
  end
end
local ids = {}
for i = 1, math.min(count, #found) do ids[i] = found[i][3] end
for _, kept in ipairs(all_of(Q, ids)) do reply[#reply + 1] = kept end
return reply
