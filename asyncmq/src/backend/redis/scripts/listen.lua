-- listen: notes that a process waits for the end of a job, or that it no longer does.
--
-- KEYS   shared base, base of the queue
-- ARGV   time, id, process (16 bytes), 1 to note, 0 to forget
-- Reply  nothing
-- Cost   3 commands
local key, id, process = KEYS[2] .. 'wait', ARGV[2], ARGV[3]
local others = {}
local known = call('HGET', key, id) or ''
for i = 1, #known, 16 do
  local other = sub(known, i, i + 15)
  if other ~= process then others[#others + 1] = other end
end
if ARGV[4] == '1' then others[#others + 1] = process end
if #others > 0 then
  call('HSET', key, id, table.concat(others))
  call('PEXPIRE', key, 3600000)
else
  call('HDEL', key, id)
end
