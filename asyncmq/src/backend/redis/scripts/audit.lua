-- audit: keeps a record of what somebody ordered; of an order that is on record already, in place of that.
--
-- An entry: when it began, when something of it was recorded last, which order it is (16 bytes), record.
--
-- KEYS   shared base
-- ARGV   time, order, record, how many are kept
-- Reply  nothing
-- Cost   3 commands, 4 for an order on record and 1 for each 64 that were recorded after it
local key, order, now = S .. 'audit', ARGV[2], pack('>I8', time())
local function is_on_record()
  for last = -1, -tonumber(ARGV[4]), -64 do
    local entries = call('LRANGE', key, last - 63, last)
    for i = #entries, 1, -1 do
      if sub(entries[i], 17, 32) == order then return entries[i] end
    end
    if #entries < 64 then return end
  end
end
local before = is_on_record()
if before then
  local entry = sub(before, 1, 8) .. now .. order .. ARGV[3]
  call('LINSERT', key, 'BEFORE', before, entry)
  call('LREM', key, -1, before)
else
  local surplus = call('RPUSH', key, now .. now .. order .. ARGV[3]) - tonumber(ARGV[4])
  if surplus > 0 then call('LPOP', key, surplus) end
end
