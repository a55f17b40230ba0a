-- limits: sets what a queue and its tasks are held to.
--
-- KEYS   shared base, base of the queue
-- ARGV   time, d (declared) or o (ordered), then for each: scope (empty for the queue, else the task), limit (17 bytes, none
--        for nothing)
-- Reply  1 if anything changed
-- Cost   6 commands; per limit 2
-- A limit: kind of rate (0 none, 1 bucket, 2 window), permits, interval, concurrency plus 1 (0 for none). Kept are the
-- declared and the ordered one behind each other, each with a 1 in front, or a 0 alone.
local Q, at = KEYS[2], ARGV[2] == 'o' and 2 or 1
local changed = 0
for i = 3, #ARGV, 2 do
  local scope, limit = ARGV[i], ARGV[i + 1]
  local kept, both = call('HGET', Q .. 'held', scope), { '', '' }
  if kept then
    local declared = byte(kept, 1) == 1 and 18 or 1
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
if call('EXISTS', Q .. 'held') == 1 then
  call('HSET', Q .. 'meta', 'k', 1)
else
  call('HDEL', Q .. 'meta', 'k')
end
-- What is parked may start now: the next claims look, a bounded number each.
if call('EXISTS', Q .. 'parked') == 1 then call('ZUNIONSTORE', Q .. 'parked', 1, Q .. 'parked', 'WEIGHTS', 0) end
wake(Q)
publish()
return 1
