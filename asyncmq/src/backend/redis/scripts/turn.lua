-- turn: settles and then claims.
--
-- KEYS   shared base, bases of the queues that are claimed from, then those of others that are settled in
-- ARGV   time, worker, what claiming takes, what settling takes
-- Reply  what settling answers, what claiming answers
-- Cost   that of both and 1 command
local settled, settle_recall = settle(10)
-- Whatever becomes of the claim, the settle is done and must be known to be.
local is_claimed, claimed, claim_recall = pcall(claim, 3)
if settle_recall and claim_recall then
  remember(ARGV[11], settle_recall, 'c', claim_recall)
elseif settle_recall then
  remember(ARGV[11], settle_recall)
elseif claim_recall then
  remember('c', claim_recall)
end
if rare_parts then rare_parts.publish() end
if not is_claimed then error(claimed) end
return { settled, claimed }
