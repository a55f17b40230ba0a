-- Returns a job that is forgotten and pins others.
SELECT job, strictly FROM unpinned ORDER BY job LIMIT 1
