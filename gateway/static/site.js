'use strict';
/* Pages work without this file. With it, votes and comments go without a reload and results move. */
(() => {
const $ = (q, from = document) => from.querySelector(q);
const $$ = (q, from = document) => [...from.querySelectorAll(q)];
const el = (tag, props, text) => Object.assign(document.createElement(tag), { textContent: text }, props);
const copy = (from) => $('template', from).content.firstElementChild.cloneNode(true);
const many = (n, word) => `${n.toLocaleString('en')} ${word}${n === 1 ? '' : 's'}`;
/* 'must not be empty' is told as 'Your name must not be empty.'; a whole sentence stays. */
const sentence = (subject, detail) => (/^[a-z]/.test(detail) ? subject + ' ' : '') + detail.replace(/[^.!?]$/, '$&.');
const memory = {}; // where a browser forbids its own
const stored = (area, key, value) => {
	for (const at of [() => window[area], () => memory]) {
		try { return value === undefined ? at()[key] : at()[key] = value; } catch { /* forbidden */ }
	}
};

/* One polite voice, at most every ten seconds. */
let words, timer, spoken = -1e4;
const announce = (text) => {
	words = text;
	timer ||= setTimeout(() => {
		timer = 0;
		spoken = performance.now();
		$('#announcer').textContent = words;
	}, Math.max(200, spoken + 1e4 - performance.now()));
};

/* Sent until there is an answer. The key is kept until then, so that a retry counts once. */
async function send(method, url, data, keyPerBody) {
	const body = data && JSON.stringify(data), kept = method + url;
	let [key, of] = JSON.parse(stored('sessionStorage', kept) || '[]');
	if (!key || (keyPerBody && of !== body)) key = crypto.getRandomValues(new Uint32Array(4)).join('-');
	stored('sessionStorage', kept, JSON.stringify([key, body]));
	for (let n = 0; ; n++) {
		let r, answer;
		try {
			r = await fetch(url, {
				method, body, signal: AbortSignal.timeout?.(1e4),
				headers: { 'Content-Type': 'application/json', 'Idempotency-Key': key },
			});
			answer = await r.json();
			if (![429, 502, 503, 504].includes(r.status)) {
				stored('sessionStorage', kept, '');
				return { status: r.status, answer };
			}
		} catch { /* no whole answer */ }
		const wait = 1e3 * r?.headers.get('Retry-After') || 0;
		if (n > 3 || wait > 8e3) return { answer: answer?.detail ? answer : { detail: 'We could not reach the magazine. Please try again.' } };
		await new Promise((go) => setTimeout(go, Math.max(wait, 2 ** n * (500 + 300 * Math.random()))));
	}
}
const onSubmit = (form, act) => form?.addEventListener('submit', async (event) => {
	if (form.elements.website?.value) return;
	event.preventDefault();
	const button = $('[type=submit]', form);
	if (button.ariaDisabled) return;
	button.ariaDisabled = 'true';
	try { await act(); } finally { button.ariaDisabled = null; }
});

/* Polls */
const polls = new Map();
const shares = (counts) => { // whole percentages that sum to 100: largest remainders first
	const total = counts.reduce((a, b) => a + b, 0) || 1;
	const share = counts.map((n) => Math.floor(n * 100 / total)), rest = counts.map((n) => n * 100 % total);
	for (let left = rest.reduce((a, b) => a + b, 0) / total; left > 0; left--) {
		const i = rest.indexOf(Math.max(...rest));
		share[i]++;
		rest[i] = 0;
	}
	return share;
};
function poll(box) {
	const id = box.dataset.poll, api = `/api/v1/polls/${id}/`, mark = 'voted ' + id;
	const form = $('[data-ballot]', box), code = form?.elements.code, state = $('[data-state]', box);
	let view = $('.results', box), version = view ? +view.dataset.version : -1;
	let acts = form && $('.mine', box); // to change the vote, or withdraw it
	let newest, paused, done, over, changing = form?.elements.changing;
	const question = form && el('p', { className: 'question', hidden: true }, $('legend', form).textContent);
	form?.after(question);
	const fold = (away) => { // the form; the question stays
		if (!form) return;
		form.hidden = away;
		question.hidden = !away;
	};

	const hush = () => {
		$('.message', box)?.remove();
		$$('.field-error', box).forEach((n) => { n.textContent = ''; });
		if (code) code.ariaInvalid = null;
	};
	const say = (text, bad, quiet) => {
		hush();
		const note = el('p', { className: bad ? 'message is-error' : 'message', tabIndex: -1 }, text);
		$('h2', box)?.after(note);
		if (!quiet) note.focus();
	};
	const fault = (text, field = $('input', form)) => { // said at the field that it is about
		hush();
		$('.field-error', field.closest('fieldset, .field')).textContent = text;
		if (field === code) code.ariaInvalid = 'true';
		field.focus();
	};
	const draw = () => {
		if (!newest || !view || view.hidden || paused) return;
		const rows = $$('[data-option]', view), counts = rows.map((r) => newest.counts[r.dataset.option] || 0);
		const share = shares(counts), top = Math.max(1, ...counts), voters = many(newest.voters, 'voter');
		rows.forEach((row, i) => {
			row.classList.toggle('leading', counts[i] === top);
			$('b', row).textContent = share[i] + '%';
			$('.votes', row).textContent = many(counts[i], 'vote');
			$('.fill', row).setAttribute('width', share[i]);
		});
		$('.total span', view).textContent = voters;
		announce(`${$('.leading', view)?.textContent || ''}. ${voters}.`);
	};
	const take = (r) => {
		if (state && r.watchers) $('[data-watchers]', box).textContent = r.watchers.toLocaleString('en') + ' watching';
		if (r.counts && r.version > version) {
			({ version } = newest = r);
			draw();
		}
		if (state && (r.closed || r.voters || view && r.counts)) {
			state.textContent = r.closed ? 'Closed' : 'Open';
			if (!view) setTimeout(() => location.reload(), 1e4); // there are results now
		}
		if (r.closed && !over) {
			over = done = true;
			acts?.remove();
			say('This poll is closed.', 0, 1);
			show();
		}
	};
	async function show(r) { // true when there are results to see
		if (!r && !newest) {
			try { r = await (await fetch(api + 'results')).json(); } catch { /* as if hidden */ }
		}
		if (r?.ticket) ticket('poll:' + id, r.ticket);
		if (r?.counts) take(r);
		fold(Boolean(done || newest));
		if (!newest || !(view || form)) return;
		if (!view) question.after(view = copy(box));
		const back = $('[data-back]', view);
		if (back) back.hidden = done;
		view.hidden = false;
		draw();
		return true;
	}

	/* A vote that may be changed. */
	const unknown = 'There is no vote of yours that can be changed from here.';
	const offer = (on) => {
		const from = form && $('template', box).content.children[1];
		if (!from || over) return;
		if (!acts) {
			(view || question).after(acts = from.cloneNode(true));
			onSubmit(acts, withdraw);
		}
		$('[data-change]', acts).hidden = !on;
		acts.hidden = !on;
		$('[data-change-note]', box)?.toggleAttribute('hidden', on || changing);
		if (code && acts.elements.code) acts.elements.code.value ||= code.value;
	};
	const reopen = (label) => { // the form, for a vote anew
		changing = label !== 'Vote';
		done = false;
		if (view) view.hidden = true;
		offer(false);
		fold(false);
		$('[type=submit]', form).textContent = label;
	};
	async function change() {
		let mine = {};
		if (!code) { // of an unknown voter it would be one vote more
			try { mine = await (await fetch(api + 'ballots/mine')).json(); } catch { /* none */ }
			if (!mine.choices) return say(unknown, true);
		}
		hush();
		reopen('Change my vote');
		$$('[name=choices]', form).forEach((i) => { if (mine.choices) i.checked = mine.choices.includes(i.value); });
		($(':checked', form) || $('input', form)).focus();
	}
	async function withdraw() {
		const own = acts.elements.code?.value;
		const { status, answer } = await send('DELETE', api + 'ballots/mine' + (own ? '?code=' + encodeURIComponent(own) : ''));
		if (status !== 200) return say(status === 404 ? unknown : answer.detail || answer.title, true);
		stored('localStorage', mark, '');
		$$(':checked', form).forEach((i) => { i.checked = false; });
		reopen('Vote');
		say('Your vote is withdrawn.');
	}

	onSubmit(acts, withdraw);
	onSubmit(form, async () => {
		const choices = $$(':checked', form).map((i) => i.value);
		if (!choices.length) return fault('Choose an option first.');
		const { status, answer } = await send('POST', api + 'ballots' + (form.elements.embed ? '?embed=1' : ''),
			{ choices, ...(code && { code: code.value.trim() }) });
		const [error] = answer.errors || [], text = error?.detail || answer.detail || answer.title;
		if (status === 422 && error?.pointer !== '/code') return fault(sentence('Your choice', text));
		if (code && [403, 409, 422].includes(status)) return fault(sentence('The code', text), code);
		if (![201, 409].includes(status)) return say(sentence('Your vote', text), true);
		done = true;
		if (answer.ticket) ticket('poll:' + id, answer.ticket);
		const seen = await show(answer.results);
		if (status !== 409 || !newest?.closed) stored('localStorage', mark, 1);
		offer(true);
		say(status === 409 ? answer.detail || 'You have already voted in this poll.'
			: `Thank you. Your vote is ${changing ? 'changed' : 'counted'}.` + (seen ? '' : ' Results come later.'));
	});
	box.addEventListener('click', async (event) => {
		const on = event.target, is = on.dataset;
		if ('viewResults' in is) {
			event.preventDefault();
			if (await show()) $('[data-back]', view).focus();
			else location = on.href;
		} else if ('back' in is) {
			view.hidden = true;
			fold(false);
			$('input', form).focus();
		} else if ('change' in is && form) {
			event.preventDefault();
			change();
		} else if ('pause' in is) {
			paused = !paused;
			on.textContent = paused ? 'Resume updates' : 'Pause updates';
			draw();
		}
	});
	polls.set(id, take);
	if (form && !changing && stored('localStorage', mark)) {
		done = true;
		say('You have voted in this poll.', 0, 1);
		show().then(() => offer(true));
	} else if (view && 'hidden' in box.dataset) show(); // a ticket
}

/* Comments */
const thread = $('#comments'), article = thread?.dataset.article, writer = $('[data-comment-form]');
let shown = +thread?.dataset.count.replace(/\D/g, ''), total = shown;
const retitle = (id, n) => $$(`[data-count-of="${id}"]`).forEach((c) => { c.textContent = many(n, 'comment'); });
function recount() {
	shown = Math.min(shown, total);
	const text = many(total - shown, 'new comment') + ' – show', head = $('.thread-head');
	const button = $('.fresh') || el('button', { type: 'button', className: 'fresh', onclick: () => location.reload() });
	if (total === shown) button.remove();
	else if (head && button.textContent !== text) {
		button.textContent = text;
		head.append(button);
		announce(text);
	}
}
function place(link) { // the form under a comment, or back at the end
	(link?.parentNode || thread.lastElementChild).after($('#leave-a-reply'));
	writer.elements.parent_id.value = link?.dataset.reply || '';
	$('.replying', writer).hidden = !link;
	if (link) $('[data-parent-name]', writer).textContent = $('.who', link.closest('.comment')).textContent;
}
const subjects = { author_name: 'Your name', author_email: 'The email address', body_markdown: 'The comment' };
function faults(list, text) {
	const box = $('.errors', writer);
	box.hidden = !text;
	$('p', box).textContent = text;
	$('ul', box).replaceChildren();
	$$('.field-error', writer).forEach((n) => { n.textContent = ''; });
	$$('[aria-invalid]', writer).forEach((f) => { f.ariaInvalid = null; });
	for (const { pointer = '', detail } of list) {
		const name = pointer.slice(1), field = subjects[name] && writer.elements[name], item = el('li');
		const said = sentence(subjects[name] || 'The comment that you answer', detail);
		item.append(field ? el('a', { href: '#' + field.id }, said) : said);
		$('ul', box).append(item);
		if (!field) continue;
		field.ariaInvalid = 'true';
		$('#e-' + name).textContent = said;
	}
	if (text) box.focus();
}
function insert(c, parent) {
	const item = copy($('#leave-a-reply')), above = parent && $('#comment-' + parent);
	item.id = 'comment-' + c.id;
	$('.who', item).textContent = c.author.name;
	$('.said', item).innerHTML = c.body_html; // sanitised by the server
	let list = above ? $(':scope > .replies', above) : $('#thread');
	if (!list) above.append(list = el('ol', { className: 'replies' }));
	list.append(item);
	$('#no-comments')?.remove();
	if (c.status === 'approved') {
		$('.held', item).remove();
		total = Math.max(total, ++shown);
		retitle(article, total);
		recount();
	}
	item.focus();
}
if (writer) {
	const { elements } = writer;
	document.addEventListener('click', (event) => {
		const link = event.target.closest?.('[data-reply], [data-cancel-reply]');
		if (!link) return;
		event.preventDefault();
		place(link.dataset.reply && link);
		elements[elements.author_name.value ? 'body_markdown' : 'author_name'].focus();
	});
	onSubmit(writer, async () => {
		const data = Object.fromEntries([...new FormData(writer)].filter(([name, value]) => value && name !== 'idempotency_key'));
		faults([], '');
		const { status, answer } = await send('POST', `/api/v1/articles/${article}/comments`, data, true);
		if (status !== 201) return faults(answer.errors || [], status === 422 ? 'Your comment is not posted yet.' : answer.detail || answer.title);
		elements.body_markdown.value = '';
		place();
		insert(answer, data.parent_id);
	});
}

/* News of a topic: from the stream, from another tab, or asked for. */
function news(data) {
	const [kind, id] = data.topic.split(':');
	if (kind === 'poll') return polls.get(id)?.(data);
	if (!('comment_count' in data)) return;
	if (id !== article) return retitle(id, data.comment_count);
	total = data.comment_count;
	recount();
}

/* One stream for all tabs: the tab that holds the lock keeps it and passes the news on. */
const { liveUrl, topics } = document.body.dataset, mine = new Map(), wanted = new Map(), last = {};
let bus, source, opening, asking, leading, errors, rounds = 0, renewed = -1e4;
const tell = (m) => bus?.postMessage(m);
const hear = (data) => { if (mine.has(data.topic)) news(data); };
const pass = (data) => {
	if (data.version) last[data.topic] = data.version;
	hear(data);
	tell({ news: data });
};
const soon = (act, ms) => {
	clearTimeout(opening);
	opening = setTimeout(act, ms);
};
const add = (list) => { // a new stream begins with the snapshots that a new tab needs
	for (const [topic, ticket] of list) wanted.set(topic, ticket || wanted.get(topic));
	for (const topic of wanted.keys()) if (wanted.size > 32 && !mine.has(topic)) wanted.delete(topic);
	soon(connect, 200);
};
function connect() {
	const to = new URL(liveUrl, location);
	for (const [topic, ticket] of wanted) {
		to.searchParams.append('topic', topic);
		if (ticket) to.searchParams.append('ticket', ticket);
	}
	source?.close();
	source = new EventSource(to);
	errors = 0;
	source.onopen = () => { errors = 0; asking = clearInterval(asking); };
	source.onerror = () => {
		if (source.readyState !== 2 && ++errors < 4) return;
		source.close();
		asking ||= setInterval(ask, 1e4);
	};
	for (const type of ['snapshot', 'tally', 'article', 'closed', 'watchers']) source.addEventListener(type, (e) => pass(JSON.parse(e.data)));
	source.addEventListener('problem', (e) => { // a ticket was refused, or is over
		if (JSON.parse(e.data).ticket) soon(renew, Math.max(200, renewed + 1e4 - performance.now()));
	});
}
async function renew() {
	renewed = performance.now();
	for (const [topic, ticket] of wanted) {
		if (!ticket) continue;
		try { wanted.set(topic, (await (await fetch(`/api/v1/polls/${topic.slice(5)}/results`)).json())?.ticket); } catch { /* once more */ }
	}
	connect();
}
async function ask() { // the stream gave up; it is tried again every minute
	if (++rounds % 6 === 0) connect();
	for (const topic of wanted.keys()) {
		const [kind, id] = topic.split(':');
		try {
			const r = await fetch(kind === 'poll' ? `/api/v1/polls/${id}/results?after=${last[topic] || 0}`
				: '/api/v1/comments/counts?article_id=' + id);
			const data = r.status === 200 && await r.json(); // 304: nothing newer
			if (data) pass(kind === 'poll' ? { ...data, topic } : { topic, comment_count: data.counts[id] });
		} catch { /* next time */ }
	}
}
const want = (list) => { if (leading) add(list); else tell({ want: [...list] }); };
const lead = () => {
	leading = true;
	add(mine);
	tell({ hello: 1 });
	return new Promise(() => {}); // the lock is held as long as the tab lives
};
function start() {
	if (!navigator.locks || !window.BroadcastChannel) return lead();
	bus = new BroadcastChannel('voxpop');
	bus.onmessage = ({ data: m }) => {
		if (m.news) hear(m.news);
		if (m.hello) want(mine);
		if (m.want && leading) add(m.want);
	};
	want(mine);
	navigator.locks.request('voxpop', lead).catch(lead); // a frame may be forbidden to
}
for (const topic of topics.split(' ')) if (topic) mine.set(topic);
if (liveUrl && mine.size) {
	document.body.classList.add('live');
	start();
	addEventListener('pageshow', (e) => { if (e.persisted && leading) connect(); });
}
function ticket(topic, value) {
	mine.set(topic, value);
	want([[topic, value]]);
}
$$('[data-poll]').forEach(poll);
})();
