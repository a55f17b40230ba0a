-- Reads the limit in force out of what `held` keeps: what is ordered, else what is declared. What happens at the limit is as
-- declared unless the order says it.
local function read_limit(bytes)
  local is_declared = byte(bytes, 1) == 1
  local at = is_declared and 20 or 2
  local is_ordered = byte(bytes, at) == 1
  local kind, permits, interval, most, policy = unpick('>BI4I8I4B', bytes, is_ordered and at + 1 or 2)
  if policy == 0 and is_ordered and is_declared then policy = byte(bytes, 19) end
  -- Where nothing may start, everything waits.
  if most < 2 then policy = 0 end
  return { kind = kind, permits = permits, interval = interval, most = most > 0 and most - 1 or nil,
    discards = policy == 2, stops = policy == 3 }
end
