-- Deduplication keys. `keys` has who holds each: 1 while that job, its owner, has not ended, the end of the window (0 for
-- none), the id of the job that is blocked until the owner has ended (empty for none), the owner's id and its task; `windows` has the
-- ends of windows. A job that has a key has a side record that says so, and in `keyed` its mode, its window and the key; blocked ones
-- stand in `blocked` by their numbers. What a push of many puts first into a hash is made longer, so that it is never kept as a list.
local OWNER, NOTE, LONGER = '>BI8I2c0I2c0', '>c1I8I2c0', PADDING .. PADDING
local KEY = OWNER .. 'I2c0'
-- Returns the key that is noted of a job.
local function key_in(note)
  local _, _, key = unpick(NOTE, note)
  return key
end
local function note_of(mode, window, key)
  return pack(NOTE, mode, window, #key, key)
end
