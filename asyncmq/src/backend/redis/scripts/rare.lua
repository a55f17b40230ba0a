local rare_parts
local function rare()
  rare_parts = rare_parts or rarely()
  return rare_parts
end
local specials = {}
-- Tells whether a queue has anything but plain jobs that nobody listens to.
local function special(Q)
  if specials[Q] == nil then
    specials[Q] = call('EXISTS', Q .. 'side', Q .. 'wait', Q .. 'tombs', Q .. 'cancel', S .. 'ears') > 0
  end
  return specials[Q]
end
-- Keeps answers under a sender's slots.
local function remember(...)
  if call('HSET', S .. 'r' .. ARGV[2], ...) > 0 then call('PEXPIRE', S .. 'r' .. ARGV[2], 86400000) end
end
