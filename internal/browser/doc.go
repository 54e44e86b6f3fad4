// Package browser drives a real Chromium in tests, over the DevTools protocol on
// two pipes: no port is open, and no library is needed.
//
//	b := browser.Start(t)             // skips the test where there is no Chromium
//	p := b.Open("bob", browser.Phone) // a window with cookies of its own
//	p.Navigate(url)
//	p.Click("#send")
//	p.WaitFor(`document.title == "done"`, 5*time.Second)
//	p.Screenshot("done")              // out/NAME-OF-THE-TEST-bob-done.png
//
// A test with parts starts one browser and hands it on with In.
//
// Methods of Page end the test when something does not work, and leave a picture of
// what the page looked like. They must be called from the test's goroutine.
//
// [DevTools protocol]: https://chromedevtools.github.io/devtools-protocol/
package browser
