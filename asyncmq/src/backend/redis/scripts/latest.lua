-- Ended jobs, the latest first. Those that ended in one step may have one number: they are in the order of their ids.
local function latest_first(a, b)
  return b[1] < a[1] or b[1] == a[1] and b[2] < a[2]
end
-- Goes over the completed jobs that are kept by number, the latest first, until it is told to stop: number of the end, id. Whatever stands in
-- `lc` twice stands there last as what it is now, and a void place may be that of a job which stands elsewhere now.
local function each_completed(Q, visit)
  local seen, at, has_voids = {}, 0, call('EXISTS', Q .. 'tombs') == 1
  while true do
    local ids = call('LRANGE', Q .. 'lc', -at - 1000, -at - 1)
    if #ids == 0 then return end
    local done, apart = call('HMGET', Q .. 'done', unpack(ids)), has_voids and call('ZMSCORE', Q .. 'zq', unpack(ids))
    for i = #ids, 1, -1 do
      local id = ids[i]
      if done[i] and sub(done[i], 1, 1) == 'c' and not seen[id] and not (apart and apart[i]) then
        seen[id] = true
        if visit(unpick('>I7', sub(done[i], 40, 46)), id) then return end
      end
    end
    at = at + #ids
  end
end
-- Adds so many of a sorted set from a number on, or all of them: number of the end, id. Of the last number there are all.
local function add_latest(all, key, from, count)
  local ids = call('ZRANGE', key, from, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, count, 'WITHSCORES')
  local last = #ids == 2 * count and tonumber(ids[#ids])
  for i = 1, #ids, 2 do
    local number = tonumber(ids[i + 1])
    if number ~= last then all[#all + 1] = { number, ids[i] } end
  end
  if not last then return end
  for _, id in ipairs(call('ZRANGE', key, ids[#ids], ids[#ids], 'BYSCORE')) do all[#all + 1] = { last, id } end
end
