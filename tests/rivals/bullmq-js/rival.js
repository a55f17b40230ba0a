// BullMQ itself: `node rival.js produce N` or `node rival.js work`, as src/lib.rs says of all programs.

import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';

const QUEUE = 'rivals';
const [order, count] = process.argv.slice(2);
const url = process.env.REDIS_URL;

if (order === 'produce') {
  const start = performance.now();
  const queue = new Queue(QUEUE, { connection: new Redis(url) });
  for (let from = 0; from < Number(count); from += 1000) {
    const length = Math.min(1000, Number(count) - from);
    const jobs = Array.from({ length }, (_, place) => from + place);
    await queue.addBulk(
      jobs.map((id) => ({ name: 'send', data: { id, to: `user${String(id).padStart(6, '0')}@example.com` } })),
    );
  }
  console.log((performance.now() - start) / 1000);
  process.exit(0);
}

// What its guide for production asks of a worker: https://docs.bullmq.io/guide/going-to-production
const connection = new Redis(url, { maxRetriesPerRequest: null });
const worker = new Worker(
  QUEUE,
  async (job) => {
    await sleep(10);
    appendFileSync(process.env.EFFECTS, `${job.data.id}\n`);
  },
  { connection, concurrency: 10 },
);
worker.on('error', (error) => console.error(error.message));
