local rare_parts
local function rare()
  rare_parts = rare_parts or rarely()
  return rare_parts
end
local specials = {}
-- Returns what a queue has besides plain jobs that nobody listens to; false if there is nothing of the kind.
local function special(Q)
  local own = specials[Q]
  if own == nil then
    own = call('EXISTS', Q .. 'side', Q .. 'tombs', Q .. 'cancel', Q .. 'wait', Q .. 'parked', Q .. 'groups', Q .. 'kids',
      Q .. 'pins', Q .. 'ends', Q .. 'outs', S .. 'ears') > 0 and {
      side = call('EXISTS', Q .. 'side') == 1,
      tombs = call('EXISTS', Q .. 'tombs') == 1,
      parked = call('EXISTS', Q .. 'parked') == 1,
      groups = call('EXISTS', Q .. 'groups') == 1,
      ends = call('EXISTS', Q .. 'ends') == 1,
      outs = call('EXISTS', Q .. 'outs') == 1,
      marks = call('EXISTS', Q .. 'cancel', Q .. 'wait', Q .. 'kids', Q .. 'pins', S .. 'ears') > 0,
    }
    specials[Q] = own
  end
  return own
end
-- Returns a job's record if it may start, given its side record: at once if it has no time to live and is no suspect.
local function startable(Q, id, record, note)
  if sub(note, 18, 25) == '\0\0\0\0\0\0\0\0' and byte(note, 6) < 128 then return record end
  return rare().may_start(Q, id, record, note)
end
-- Returns what the parents of jobs passed on, if some of them had any: the third bit of a side record's last byte tells.
local function inputs_of(Q, ids, sides)
  for i = 1, #ids do
    if sides[i] ~= '' and byte(sides[i], -1) > 3 then return rare().inputs(Q, ids, sides) end
  end
end
-- Keeps answers under a sender's slots.
local function remember(...)
  if call('HSET', S .. 'r' .. ARGV[2], ...) > 0 then call('PEXPIRE', S .. 'r' .. ARGV[2], 86400000) end
end
