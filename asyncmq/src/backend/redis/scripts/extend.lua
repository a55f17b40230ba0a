-- extend: makes a worker's lease last and checks what it holds.
--
-- KEYS   shared base, bases of the queues
-- ARGV   time, worker, lease, then for each claim: place of the queue in KEYS, id, claim (8 bytes)
-- Reply  one letter for each: H held, L lost, C to be cancelled
-- Cost   1 command, 2 for each queue; per job one element of HMGET
local now, worker = time(), ARGV[2]
call('ZADD', S .. 'sessions', 'GT', string.format('%.0f', now + tonumber(ARGV[3])), worker)
local letters, at = {}, 4
while at <= #ARGV do
  local place, first = ARGV[at], at
  local Q, ids = KEYS[tonumber(place)], {}
  while ARGV[at] == place and #ids < 1000 do
    ids[#ids + 1] = ARGV[at + 1]
    at = at + 3
  end
  local acts = call('HMGET', Q .. 'active', unpack(ids))
  local wanted = call('EXISTS', Q .. 'cancel') == 1 and call('HMGET', Q .. 'cancel', unpack(ids)) or {}
  for i = 1, #ids do
    local act = acts[i]
    local held = act and sub(act, 24, 31) == ARGV[first + 3 * i - 1]
    letters[#letters + 1] = not held and 'L' or wanted[i] and 'C' or 'H'
  end
end
return table.concat(letters)
