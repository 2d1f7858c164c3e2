// What a script adds to pages that work without it: the reader's zone, a first machine name, the
// check that follows what is typed, Copy. Filters, paging and tabs are htmx's, by attributes.
(function () {
  'use strict';

  var zone = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
  if (document.cookie.split('; ').indexOf('tz=' + zone) === -1) {
    document.cookie = 'tz=' + zone + '; path=/; max-age=31536000; samesite=lax';
  }

  // The machine name follows the name until somebody writes one.
  function nameMachine(name, machine) {
    if (!name || !machine || machine.readOnly || machine.value) {
      return;
    }
    var own = false;
    machine.addEventListener('input', function () { own = machine.value !== ''; });
    name.addEventListener('input', function () {
      if (!own) {
        machine.value = name.value.normalize('NFD').replace(/[\u0300-\u036f]/g, '').toLowerCase()
          .replace(/[^a-z0-9]+/g, '-').slice(0, 63).replace(/^-+|-+$/g, '');
      }
    });
  }

  // The check beside a form follows what is typed; without a script the button asks for it.
  function keepChecking(form, beside) {
    if (!form || !beside) {
      return;
    }
    var waiting = 0;
    var said = document.querySelector('[data-said]');
    var say = function (sentence) {
      if (said && sentence && said.textContent !== sentence.textContent) {
        said.textContent = sentence.textContent;
      }
    };
    var asking = null;
    var ask = function () {
      if (asking) {
        asking.abort();
      }
      asking = new AbortController();
      var typed = new FormData(form);
      typed.delete('save');
      typed.set('check', 'live');
      fetch(form.action, { method: 'POST', body: typed, signal: asking.signal, redirect: 'error' })
        .then(function (answer) { return answer.ok ? answer.text() : null; })
        .then(function (text) {
          if (text !== null) {
            beside.innerHTML = text;
            say(beside.querySelector('p'));
          }
        })
        .catch(function () { /* the button is still there */ });
    };
    var later = function () {
      clearTimeout(waiting);
      waiting = setTimeout(ask, 500);
    };
    form.addEventListener('input', later);
    form.addEventListener('change', later);
    form.addEventListener('submit', function () { clearTimeout(waiting); });
  }

  function addCopy(snippet) {
    var header = snippet.querySelector('header');
    var code = snippet.querySelector('pre');
    if (!navigator.clipboard || !header || !code) {
      return;
    }
    var words = document.body.dataset;
    var button = document.createElement('button');
    button.type = 'button';
    button.className = 'btn slim';
    button.textContent = words.copy;
    button.setAttribute('aria-label', words.copy + ' ' + header.textContent.trim());
    button.addEventListener('click', function () {
      navigator.clipboard.writeText(code.textContent).then(function () {
        button.textContent = words.copied;
        setTimeout(function () { button.textContent = words.copy; }, 2000);
      });
    });
    header.appendChild(button);
  }

  function enrich(part) {
    part.querySelectorAll('.snippet').forEach(addCopy);
  }

  // What was refused has the focus by its markup; where only fields are wrong, the first one gets it.
  function goToFirstFault() {
    var wrong = document.querySelector('main form [aria-invalid="true"]');
    if (!wrong || document.querySelector('[role="alert"][autofocus]')) {
      return;
    }
    var field = wrong.matches('fieldset') ? wrong.querySelector('input') : wrong;
    if (field) {
      field.focus();
    }
  }

  nameMachine(document.getElementById('id_name'), document.getElementById('id_machine_name'));
  keepChecking(document.querySelector('form[data-check]'), document.querySelector('.check-col'));
  enrich(document);
  goToFirstFault();

  // A part that htmx fetched gets the same; a page that is no part of this one is opened whole.
  document.addEventListener('htmx:afterSwap', function (event) { enrich(event.target); });
  document.addEventListener('htmx:beforeSwap', function (event) {
    var answer = event.detail.xhr;
    var asked = new URL(event.detail.pathInfo.requestPath, location.href);
    var came = new URL(answer.responseURL || asked.href);
    if (answer.status >= 400 || came.pathname !== asked.pathname) {
      event.detail.shouldSwap = false;
      location.assign(came.href);
    }
  });
}());
