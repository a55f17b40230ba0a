-- strays: releases what a worker has in one queue by the server's account and not by its own, a bounded number: the server
-- has forgotten how it ended.
--
-- KEYS   shared base, base of the queue
-- ARGV   time, worker, age of a claim whose reply may still be under way, cursor, ids that the worker holds
-- Reply  number of jobs, cursor
-- Cost   2 commands; per job 8 to 16
local now, worker, Q = time(), ARGV[2], KEYS[2]
local before, held = now - tonumber(ARGV[3]), {}
for at = 5, #ARGV do held[ARGV[at]] = true end
-- The reply to the latest claim may not have been read yet, however long ago that was; one to an earlier claim has been.
local latest, count = call('HGET', S .. 'r' .. worker, 'c') or '', 0
local scan = call('HSCAN', Q .. 'active', ARGV[4], 'COUNT', 250)
local fields = scan[2]
for i = 1, #fields, 2 do
  local id, act = fields[i], fields[i + 1]
  local started = sub(act, 1, 16) == worker and unpick('>I7', sub(act, 17, 23))
  local own = sub(act, 24, 31)
  local rec = started and started < before and not held[id] and not string.find(latest, own, 1, true)
    and call('HGET', Q .. 'jobs', id)
  if rec then
    count = count + 1
    local s = let_go(Q, worker, id, act, rec, now)
    if s then
      -- Should the worker know of it after all, it may settle until somebody else claims the job.
      s.claim = own
      carry_out(Q, id, rec, s, 'L', '0', '', now)
    end
  end
end
publish()
return kin.sealed({ count, scan[1] })
