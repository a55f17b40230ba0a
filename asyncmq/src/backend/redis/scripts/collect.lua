-- collect: hands out messages of a queue that are to be carried, a bounded number, and forgets those that were.
--
-- KEYS   base of the queue, twice
-- ARGV   time, mark of the carrier (8 bytes), how long it is left alone with an outbox in us, 1 to take over what others carry, base of the queue
--        to which messages were brought (empty for none), their number, what it answered to them
-- Reply  base of a queue and messages to it; nothing if there are none, or all are being carried
-- Cost   3 to 8 commands; for each answer those of taking it in
local Q, mark, of = KEYS[2], ARGV[2], ARGV[5]
local t = call('TIME')
local real = t[1] * 1000000 + t[2]
local own
if of ~= '' then
  for at = 7, #ARGV do kin.hear(Q, ARGV[at], time()) end
  local held = call('HGET', Q .. 'outs', of)
  -- Of an outbox that somebody else has taken over, he says what was brought.
  if held and sub(held, 9) == mark then
    call('LTRIM', Q .. 'o:' .. of, ARGV[6], -1)
    if call('EXISTS', Q .. 'o:' .. of) == 1 then own = of else call('HDEL', Q .. 'outs', of) end
  end
end
-- Returns an outbox that nobody carries.
local function any()
  local outs = call('HGETALL', Q .. 'outs')
  for i = 1, #outs, 2 do
    local held = outs[i + 1]
    local is_mine = sub(held, 9) == mark
    if held == '' or not is_mine and (ARGV[4] == '1' or unpick('>I8', held) <= real) then return outs[i] end
  end
end
own = own or any()
publish()
if not own then return nil end
call('HSET', Q .. 'outs', own, pack('>I8', real + ARGV[3]) .. mark)
local messages, room, from = {}, 1048576, 0
while room > 0 and #messages < 200 do
  local some = call('LRANGE', Q .. 'o:' .. own, from, from + 19)
  for _, message in ipairs(some) do
    if room <= 0 then break end
    messages[#messages + 1], room = message, room - #message
  end
  if #some < 20 then break end
  from = from + 20
end
return { own, messages }
