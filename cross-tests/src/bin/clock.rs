//! Time: a monotonic clock that never goes back, a sleep that is not too short, a wall clock past 2024, durations.
//! Equal everywhere: only yes and no and computed durations are printed, never a reading.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

fn main() {
    let start = Instant::now();
    let mut last = start;
    let mut never_back = true;
    for _ in 0..1000 {
        let now = Instant::now();
        never_back &= now >= last;
        last = now;
    }
    println!("monotonic {never_back}");
    std::thread::sleep(Duration::from_millis(20));
    println!("slept long enough {}", start.elapsed() >= Duration::from_millis(20));
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    println!("after 2024 {}, before 2200 {}", wall > 1_704_067_200, wall < 7_258_118_400);

    let long = Duration::new(90_061, 5_000_006);
    println!("{long:?} {} {} {:?}", long.as_millis(), long.subsec_nanos(), long / 7);
    println!("{:?} {:?}", Duration::from_secs_f64(2.7), Duration::MAX.checked_add(Duration::from_nanos(1)));
    let later = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    println!("{:?}", later.duration_since(UNIX_EPOCH).map(|since| since.as_secs()));
    println!("{:?}", UNIX_EPOCH.duration_since(later).map_err(|error| error.duration().as_secs()));
}
