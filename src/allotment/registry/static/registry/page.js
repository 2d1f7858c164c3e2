// What a script adds to pages that work without it: the reader's zone, a first machine name, Copy.
(function () {
  'use strict';

  var zone = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
  var kept = document.cookie.split('; ').indexOf('tz=' + zone) !== -1;
  if (!kept) {
    document.cookie = 'tz=' + zone + '; path=/; max-age=31536000; samesite=lax';
  }

  // The machine name follows the name until somebody writes one.
  var name = document.getElementById('id_name');
  var machine = document.getElementById('id_machine_name');
  if (name && machine && !machine.readOnly && !machine.value) {
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
  var form = document.querySelector('form[data-check]');
  var beside = form && document.querySelector('.check-col');
  if (form && beside && window.fetch && window.AbortController) {
    var waiting = 0;
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

  if (!navigator.clipboard) {
    return;
  }
  document.querySelectorAll('.snippet').forEach(function (snippet) {
    var header = snippet.querySelector('header');
    var code = snippet.querySelector('pre');
    if (!header || !code) {
      return;
    }
    var button = document.createElement('button');
    button.type = 'button';
    button.className = 'btn slim';
    button.textContent = 'Copy';
    button.setAttribute('aria-label', 'Copy ' + header.textContent.trim());
    button.addEventListener('click', function () {
      navigator.clipboard.writeText(code.textContent).then(function () {
        button.textContent = 'Copied';
        setTimeout(function () { button.textContent = 'Copy'; }, 2000);
      });
    });
    header.appendChild(button);
  });
}());
