-- ask_again: asks once more for the jobs in other slots for which blocked ones wait, some at a time: a node that died may have forgotten that it was
-- asked, or the sender what it was told.
--
-- KEYS   base of the queue, twice
-- ARGV   time, number of the blocked job behind which to begin
-- Reply  number of the last job that was looked at; nothing if there are no more
-- Cost   1 command; 3 for each blocked job, and one for each end that it waits for
local Q, last, asked = KEYS[2], nil, 0
local found = call('ZRANGEBYSCORE', Q .. 'blocked', '(' .. ARGV[2], '+inf', 'WITHSCORES', 'LIMIT', 0, 100)
for i = 1, #found, 2 do
  local id = found[i]
  local rec, own = call('HGET', Q .. 'jobs', id), call('HMGET', Q .. 'f:' .. id, 'o', 'p')
  if rec and own[1] then
    local s = side_of(Q, id, rec)
    kin.each(own[2], function(place, policy, passes, P, parent, name, is_pinned)
      if sub(own[1], place, place) == 'o' and kin.is_apart(P) then
        asked = asked + 1
        kin.ask_apart(P, parent, kin.entry(place, policy, passes, s, is_pinned and kin.mark(rec) or '', Q, id, name), '2')
      end
    end)
  end
  last = found[i + 1]
  if asked >= 200 then break end
end
return kin.sealed(last or false)
