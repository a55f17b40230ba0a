-- report: keeps what running attempts said.
--
-- KEYS   shared base, bases of the queues
-- ARGV   time, then for each report: place of the queue in KEYS, id, claim (8 bytes), report
-- Reply  one letter for each: A applied, S stale
-- Cost   about 9 commands for each
local now, letters = time(), {}
for at = 2, #ARGV, 4 do
  local Q, id, letter = KEYS[tonumber(ARGV[at])], ARGV[at + 1], 'S'
  local act = call('HGET', Q .. 'active', id)
  if act and sub(act, 24, 31) == ARGV[at + 2] then
    letter = 'A'
    if ARGV[at + 3] ~= '' then
      local rec = call('HGET', Q .. 'jobs', id)
      local s = side_of(Q, id, rec)
      tell(Q, id, rec, s.attempt + 1, sub(act, 1, 16), now, ARGV[at + 3])
      -- It has a side record now.
      call('HSET', Q .. 'active', id, sub(act, 1, 31) .. 'h' .. sub(act, byte(act, 32) == 104 and 33 or 32))
    end
  end
  letters[#letters + 1] = letter
end
publish()
return table.concat(letters)
