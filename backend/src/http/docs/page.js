// Renders /openapi.json. Text goes into the page as text, never as markup.
'use strict';

const METHODS = ['get', 'post', 'delete'];
let spec;

/** An element with attributes and children; children are nodes or text. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.flat().filter((child) => child !== undefined && child !== ''));
  return element;
}

/** What a value refers to. */
function resolved(value) {
  if (!value || !value.$ref) return value;
  return value.$ref.slice(2).split('/').reduce((at, key) => at[key.replaceAll('~1', '/')], spec);
}

/** The little markdown that the document has: paragraphs, lists and `code`. */
function prose(text) {
  const inline = (line) => line.split('`').map((part, n) => (n % 2 ? make('code', {}, part) : part));
  return (text || '').split(/\n\n+/).filter(Boolean).map((block) => {
    const lines = block.split('\n');
    if (lines.every((line) => line.startsWith('- '))) {
      return make('ul', {}, lines.map((line) => make('li', {}, inline(line.slice(2)))));
    }
    return make('p', {}, inline(block));
  });
}

const name = (reference) => reference.slice(reference.lastIndexOf('/') + 1);
const json = (value) => make('pre', { tabindex: '0' }, JSON.stringify(value, null, 2));

/** A schema in some words: its type and what limits it. */
function words(schema) {
  const parts = [schema.contentEncoding || '', [schema.type || ''].flat().join(' or ')];
  if (schema.format) parts.push(`(${schema.format})`);
  if (schema.enum) parts.push(`one of ${schema.enum.join(', ')}`);
  if (schema.minLength !== undefined || schema.maxLength !== undefined) {
    parts.push(`${schema.minLength ?? 0} to ${schema.maxLength ?? 'any number of'} characters`);
  }
  if (schema.minimum !== undefined) parts.push(`≥ ${schema.minimum}`);
  if (schema.maximum !== undefined) parts.push(`≤ ${schema.maximum}`);
  if (schema.default !== undefined) parts.push(`default ${JSON.stringify(schema.default)}`);
  return parts.filter(Boolean).join(' ');
}

/** A schema as a tree; what has a name is a link to it. */
function tree(schema) {
  if (schema.$ref) return make('a', { href: `#schema-${name(schema.$ref)}` }, name(schema.$ref));
  for (const [key, says] of [['allOf', 'all of'], ['oneOf', 'one of'], ['anyOf', 'any of']]) {
    if (schema[key]) return make('span', {}, `${says} `, list(schema[key].map((part) => [tree(part)])));
  }
  if (schema.type === 'array') return make('span', {}, 'list of ', tree(schema.items || {}));
  if (!schema.properties) {
    const pattern = schema.pattern ? [' ', make('code', { class: 'dim' }, schema.pattern)] : [];
    return make('span', {}, words(schema) || 'anything', pattern);
  }
  const required = new Set(schema.required);
  return list(Object.entries(schema.properties).map(([field, of]) => [
    make('code', {}, field), required.has(field) ? ' ' : ' (optional) ', tree(of),
    of.description ? make('span', { class: 'dim' }, ` ${of.description}`) : '',
  ]));
}

const list = (items) => make('ul', { class: 'schema' }, items.map((item) => make('li', {}, item)));

function table(heads, rows) {
  return make('table', {},
    make('thead', {}, make('tr', {}, heads.map((head) => make('th', { scope: 'col' }, head)))),
    make('tbody', {}, rows.map((row) => make('tr', {}, row.map((cell) => make('td', {}, cell))))));
}

/** What a body holds, field by field, with the name of its shape. */
function fields(type, content) {
  const schema = content.schema || {};
  const inner = schema.$ref ? [tree(resolved(schema))] : [];
  return [make('p', {}, make('code', {}, type), ' ', tree(schema)), ...inner, ...examples(content).map(json)];
}

/** Examples of a body: its own, or its schema's. */
function examples(content) {
  const own = Object.values(content.examples || {}).map((example) => resolved(example).value);
  const schema = resolved(content.schema || {});
  const all = [content.example, ...own, ...(schema.examples || [])].filter((value) => value !== undefined);
  return all.length ? all : (schema.oneOf || []).flatMap((part) => resolved(part).examples || []);
}

function parameters(operation) {
  const rows = (operation.parameters || []).map(resolved).map((parameter) => [
    [make('code', {}, parameter.name)], [parameter.in],
    [parameter.required ? 'required, ' : '', tree(parameter.schema || {})],
    [parameter.description || '', parameter.example === undefined ? '' : make('div', { class: 'dim' }, `e.g. ${parameter.example}`)],
  ]);
  return rows.length ? [make('h3', {}, 'Parameters'), table(['name', 'in', 'type', ''], rows)] : [];
}

function requestBody(operation) {
  const body = resolved(operation.requestBody);
  if (!body) return [];
  return [make('h3', {}, 'Body'), ...Object.entries(body.content).flatMap((one) => fields(...one))];
}

function answers(operation) {
  const all = Object.entries(operation.responses).map(([status, reference]) => {
    const answer = resolved(reference);
    const contents = Object.entries(answer.content || {});
    const codes = contents.flatMap(([, content]) => Object.entries(content.examples || {}));
    const rows = codes.map(([code, example]) => {
      const value = resolved(example).value;
      const again = value.retry_after ? `again after ${value.retry_after} s` : value.retryable ? 'may be tried again' : '';
      return [[make('code', {}, code)], [value.error], [again]];
    });
    const shown = rows.length
      ? [table(['code', 'sentence', ''], rows), make('details', {}, make('summary', {}, 'Example'), json(resolved(codes[0][1]).value))]
      : contents.flatMap((one) => fields(...one));
    const headers = Object.entries(answer.headers || {}).map(([header, of]) => [[make('code', {}, header)], [resolved(of).description || '']]);
    const attributes = status < '300' ? { open: '' } : {};
    return make('details', attributes,
      make('summary', {}, make('strong', {}, status), ' ', rows.length ? codes.map(([code]) => code).join(', ') : answer.description),
      shown, make('details', {}, make('summary', { class: 'dim' }, 'Headers'), table(['header', ''], headers)));
  });
  return [make('h3', {}, 'Answers'), ...all];
}

function route(path, method, operation) {
  const needs = (operation.security || []).map((scheme) => Object.keys(scheme).join(' + ')).join(' or ');
  return make('details', { id: operation.operationId, class: 'route', 'data-text': text(path, operation) },
    make('summary', {}, make('span', { class: `method ${method}` }, method.toUpperCase()), make('code', {}, path),
      ` ${operation.summary || ''}`, needs ? make('span', { class: 'dim' }, ` · needs ${needs}`) : ''),
    prose(operation.description), parameters(operation), requestBody(operation), answers(operation));
}

/** What the filter looks in. */
function text(path, operation) {
  const codes = Object.values(operation.responses).flatMap((answer) =>
    Object.values(resolved(answer).content || {}).flatMap((content) => Object.keys(content.examples || {})));
  return [path, operation.summary, operation.description, ...codes].join(' ').toLowerCase();
}

function render() {
  document.getElementById('title').append(make('small', {}, ` ${spec.info.version} · OpenAPI ${spec.openapi}`));
  document.getElementById('about').replaceChildren(...prose(spec.info.description));
  const main = document.getElementById('routes');
  const groups = document.getElementById('groups');
  const operations = Object.entries(spec.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => [path, method, item[method]]));
  for (const tag of spec.tags || []) {
    const of = operations.filter(([, , operation]) => (operation.tags || []).includes(tag.name));
    if (!of.length) continue;
    groups.append(make('a', { href: `#group-${tag.name}` }, tag.name));
    main.append(make('section', {}, make('h2', { id: `group-${tag.name}` }, tag.name), make('p', { class: 'dim' }, tag.description || ''),
      of.map((one) => route(...one))));
  }
  groups.append(make('a', { href: '#schemas' }, 'schemas'), make('a', { href: '#signing' }, 'signing in'));
  main.append(make('section', {}, make('h2', { id: 'schemas' }, 'schemas'), Object.entries(spec.components.schemas).map(([key, schema]) =>
    make('details', { id: `schema-${key}` }, make('summary', {}, make('code', {}, key)), prose(schema.description), tree(schema)))));
  main.append(make('section', {}, make('h2', { id: 'signing' }, 'signing in'), table(['name', 'where', ''],
    Object.entries(spec.components.securitySchemes).map(([key, scheme]) =>
      [[make('code', {}, key)], [scheme.name || 'Authorization: Bearer'], [scheme.description || '']])),
    make('p', { class: 'dim' }, 'Every path answers OPTIONS too (CORS pre-flight).')));
}

/** Links lead into closed parts: they open. */
function follow() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  if (target instanceof HTMLDetailsElement) target.open = true;
  target.scrollIntoView();
}

function wire() {
  const all = () => document.querySelectorAll('details.route');
  const filter = document.getElementById('filter');
  filter.addEventListener('input', () => {
    const wanted = filter.value.trim().toLowerCase();
    for (const one of all()) one.hidden = !one.dataset.text.includes(wanted);
    for (const section of document.querySelectorAll('main > section')) {
      const routes = [...section.querySelectorAll('details.route')];
      section.hidden = routes.length > 0 && routes.every((one) => one.hidden);
    }
  });
  const set = (open) => () => all().forEach((one) => { one.open = open; });
  document.getElementById('open').addEventListener('click', set(true));
  document.getElementById('close').addEventListener('click', set(false));
  addEventListener('hashchange', follow);
}

async function start() {
  const response = await fetch('/openapi.json');
  if (!response.ok) throw new Error(`/openapi.json answered ${response.status}`);
  spec = await response.json();
  render();
  wire();
  follow();
}

start().catch((error) => {
  document.getElementById('about').textContent = `The page cannot be shown: ${error.message}`;
});
