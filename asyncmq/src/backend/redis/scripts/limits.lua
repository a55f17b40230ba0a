-- limits: sets what a queue and its tasks are held to.
--
-- KEYS   shared base, base of the queue
-- ARGV   time, d (declared) or o (ordered), then for each: scope (empty for the queue, else the task), limit (18 bytes, none
--        for nothing)
-- Reply  1 if anything changed
-- Cost   8 commands; per limit 2
-- A limit: kind of rate (0 none, 1 bucket, 2 window), permits, interval, concurrency plus 1 (0 for none), what happens at that (0
-- nothing said, 1 wait, 2 discard, 3 cancel the running one). Kept are the
-- declared and the ordered one behind each other, each with a 1 in front, or a 0 alone.
local Q, at = KEYS[2], ARGV[2] == 'o' and 2 or 1
local changed = 0
for i = 3, #ARGV, 2 do
  local scope, limit = ARGV[i], ARGV[i + 1]
  local kept, both = call('HGET', Q .. 'held', scope), { '', '' }
  if kept then
    local declared = byte(kept, 1) == 1 and 19 or 1
    both = { sub(kept, 2, declared), sub(kept, declared + 2) }
  end
  if both[at] ~= limit then
    changed, both[at] = 1, limit
    if both[1] == '' and both[2] == '' then
      call('HDEL', Q .. 'held', scope)
    else
      local function marked(one) return one == '' and '\0' or '\1' .. one end
      call('HSET', Q .. 'held', scope, marked(both[1]) .. marked(both[2]))
    end
  end
end
if changed == 0 then return 0 end
if ARGV[2] == 'o' then begin(Q) end
local held, is_impatient = call('HGETALL', Q .. 'held'), false
for i = 2, #held, 2 do
  local limit = read_limit(held[i])
  is_impatient = is_impatient or limit.discards or limit.stops
end
-- What claims and pushes look at: whether there are limits, and whether some of them let nobody wait.
if #held > 0 then call('HSET', Q .. 'meta', 'k', 1) else call('HDEL', Q .. 'meta', 'k') end
set_mark(Q, ROOM, is_impatient)
-- What is set aside may start now: the next claims look, some keys each.
if call('EXISTS', Q .. 'parked', Q .. 'groups') > 0 then call('HSET', Q .. 'meta', 'u', 'g0') end
wake(Q)
publish()
return 1
