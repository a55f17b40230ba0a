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
      Q .. 'ends', Q .. 'outs', S .. 'ears') > 0 and {
      side = call('EXISTS', Q .. 'side') == 1,
      tombs = call('EXISTS', Q .. 'tombs') == 1,
      parked = call('EXISTS', Q .. 'parked') == 1,
      groups = call('EXISTS', Q .. 'groups') == 1,
      ends = call('EXISTS', Q .. 'ends') == 1,
      outs = call('EXISTS', Q .. 'outs') == 1,
      marks = call('EXISTS', Q .. 'cancel', Q .. 'wait', Q .. 'kids', S .. 'ears') > 0,
    }
    specials[Q] = own
  end
  return own
end
-- Keeps answers under a sender's slots.
local function remember(...)
  if call('HSET', S .. 'r' .. ARGV[2], ...) > 0 then call('PEXPIRE', S .. 'r' .. ARGV[2], 86400000) end
end
