-- expire: makes dead letters of jobs of one queue whose time to live is over, and tells on of ends that one step could not tell all of.
--
-- KEYS   shared base, base of the queue
-- ARGV   time, limit
-- Reply  number of jobs and of such ends
-- Cost   1 command; about 12 for each job
local now, Q = time(), KEYS[2]
local ids = call('ZRANGEBYSCORE', Q .. 'mortal', '-inf', string.format('%.0f', now), 'LIMIT', 0, ARGV[2])
for _, id in ipairs(ids) do
  local rec = call('HGET', Q .. 'jobs', id)
  local s = rec and side_of(Q, id, rec)
  call('ZREM', Q .. 'mortal', id)
  if s then
    displace(Q, id, rec, s)
    expire_job(Q, id, rec, s, now)
  end
end
local is_left = call('EXISTS', Q .. 'ends', Q .. 'outs') > 0
local told = is_left and call('EXISTS', Q .. 'ends') == 1 and kin.tell_more(Q, now) or 0
if is_left then kin.look() end
publish()
-- Whoever gets as many as were asked for comes again.
return kin.sealed(told > 0 and call('EXISTS', Q .. 'ends') == 1 and tonumber(ARGV[2]) or #ids + told)
