-- fire: changes a schedule and pushes its jobs, if nobody has changed it meanwhile.
--
-- KEYS   shared base, base of the queue
-- ARGV   what pushing takes; then for each job, in the order of their places, its id and the data of its event (slot, 8
--        bytes, and the schedule's id); then the schedule's id, the revision that it must have, its record, its next time
--        (empty for none), the id of a job that must have ended (empty for none), the number of jobs
-- Reply  f and what pushing answers; s if the schedule was changed; o if the job has not ended
-- Cost   4 commands and those of pushing; 1 for each job that somebody may want to hear of
local last = #ARGV
local fires = { id = ARGV[last - 5], revision = ARGV[last - 4], record = ARGV[last - 3], next = ARGV[last - 2],
  unless = ARGV[last - 1], count = tonumber(ARGV[last]) }
local function refused(answer)
  remember(ARGV[4], mark .. answer)
  return answer
end
if not has_revision(call('HGET', KEYS[2] .. 'plans', fires.id), fires.revision) then return refused('s') end
if fires.unless ~= '' and call('HEXISTS', KEYS[2] .. 'jobs', fires.unless) == 1
  and call('HEXISTS', KEYS[2] .. 'done', fires.unless) == 0 then
  return refused('o')
end
