// What a script adds to pages that work without it: the reader's zone, and Copy buttons.
(function () {
  'use strict';

  var zone = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
  var kept = document.cookie.split('; ').indexOf('tz=' + zone) !== -1;
  if (!kept) {
    document.cookie = 'tz=' + zone + '; path=/; max-age=31536000; samesite=lax';
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
