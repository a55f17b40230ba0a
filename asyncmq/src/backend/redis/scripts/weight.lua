-- weight: says how many jobs a key gives in its turn, or lists the keys that give more than one.
--
-- KEYS   shared base, base of the queue
-- ARGV   time, then nothing, or group of the key, weight (1 for none), how many keys may have one
-- Reply  keys and weights; 1 if anything changed, 0 if not, -1 if there are too many
-- Cost   1 command; to set it 5
local Q, group, weight = KEYS[2], ARGV[2], ARGV[3]
if not group then return call('HGETALL', Q .. 'weights') end
local kept = call('HGET', Q .. 'weights', group)
if (kept or '1') == weight then return 0 end
if weight == '1' then
  call('HDEL', Q .. 'weights', group)
elseif not kept and call('HLEN', Q .. 'weights') >= tonumber(ARGV[4]) then
  return -1
else
  call('HSET', Q .. 'weights', group, weight)
  begin(Q)
end
if call('EXISTS', Q .. 'weights') == 1 then
  call('HSET', Q .. 'meta', 'w', 1)
else
  call('HDEL', Q .. 'meta', 'w')
end
publish()
return 1
