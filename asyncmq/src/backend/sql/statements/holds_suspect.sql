-- Tells whether a worker holds a job that lives its last life.
SELECT EXISTS (SELECT 1 FROM jobs JOIN lanes USING (lane) WHERE worker = $1 AND state = 'active' AND suspect = 1)
