-- Records that are kept as long as that of a job that waited for them. The hash `pins` has by job who pins it, its mark, and until when it
-- asked to be kept itself (7 bytes, 0 if it did not). A mark: the job's number as it was taken in, time and place, 14 bytes, which never
-- come again. Those that have ended are listed apart, in zq if they completed, else in yx, yf or ye, by the number of their end.
local pins = { known = {} }
-- Tells whether jobs of a queue are pinned.
local function has_pins(Q)
  if pins.known[Q] == nil then pins.known[Q] = call('EXISTS', Q .. 'pins') == 1 end
  return pins.known[Q]
end
local function pin_of(Q, id)
  return has_pins(Q) and call('HGET', Q .. 'pins', id)
end
local function list_of_pinned(state)
  return state == 'c' and 'zq' or 'y' .. state
end
