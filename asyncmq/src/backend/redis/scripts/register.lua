-- register: lists a worker or brings its entry up to date, and extends its lease.
-- An entry: start, last sign of life (7 bytes each), 1 if it is draining, what it says of itself.
--
-- KEYS   shared base; with the base of a queue behind it nothing is told, as it is told elsewhere
-- ARGV   time, worker, lease, 1 if it is draining, what it says of itself
-- Reply  nothing
-- Cost   5 commands
local now, worker = time(), ARGV[2]
local last = call('HGET', S .. 'r' .. worker, 'c')
-- It was struck off, and this was held up on its way.
if last and sub(last, 1, 21) == '18446744073709551615:' then return end
call('ZADD', S .. 'sessions', 'GT', string.format('%.0f', now + tonumber(ARGV[3])), worker)
local known = call('HGET', S .. 'workers', worker)
local moment = pack('>I7', now)
call('HSET', S .. 'workers', worker, (known and sub(known, 1, 7) or moment) .. moment .. ARGV[4] .. ARGV[5])
if not known and #KEYS == 1 then emit_other('', 16, worker, now) end
publish()
