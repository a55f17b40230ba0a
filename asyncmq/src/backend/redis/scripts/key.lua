-- key: tells who holds a deduplication key, or frees it.
--
-- KEYS   shared base, base of the queue
-- ARGV   time, what (owner, free), key
-- Reply  for owner the owner's id, nothing if the key is not held; for free 1 if it was held
-- Cost   1 command; to free it 2 or 3, and 8 if a job was blocked
local now, Q, key = time(), KEYS[2], ARGV[3]
local k = read_key(Q, key)
local is_held = k and holds(k, now)
if ARGV[2] == 'owner' then return is_held and k.id end
if not k then return 0 end
drop_key(Q, key, k)
if k.next ~= '' then unblock(Q, k.next, now) end
publish()
return is_held and 1 or 0
